// Messages of a program. Under mocks there is nobody to read them; an error fails the run when it ends.

namespace Pulumi;

public static class Log
{
    public static void Debug(string message, Resource? resource = null, int? streamId = null, bool? ephemeral = null) => Deployment.Require();

    public static void Info(string message, Resource? resource = null, int? streamId = null, bool? ephemeral = null) => Deployment.Require();

    public static void Warn(string message, Resource? resource = null, int? streamId = null, bool? ephemeral = null) => Deployment.Require();

    public static void Error(string message, Resource? resource = null, int? streamId = null, bool? ephemeral = null) =>
        Deployment.Require().Errors.Enqueue(message);

    public static void Exception(Exception exception, Resource? resource = null, int? streamId = null, bool? ephemeral = null) =>
        Error(exception.ToString(), resource, streamId, ephemeral);
}
