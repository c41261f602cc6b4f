// What a program may ask about its run.

using Pulumi.Testing;

namespace Pulumi;

public sealed class DeploymentInstance
{
    private readonly Deployment _deployment;

    internal DeploymentInstance(Deployment deployment, TestOptions? options)
    {
        _deployment = deployment;
        ProjectName = options?.ProjectName ?? "project";
        StackName = options?.StackName ?? "stack";
        OrganizationName = options?.OrganizationName ?? "organization";
        IsDryRun = options?.IsPreview ?? true;
    }

    public string StackName { get; }

    public string ProjectName { get; }

    public string OrganizationName { get; }

    /// <summary>Whether this is a preview: what a mock leaves out is unknown then.</summary>
    public bool IsDryRun { get; }

    public Output<T> Invoke<T>(string token, InvokeArgs args, InvokeOptions? options = null) =>
        new(_deployment.InvokeAsync<T>(token, args, options));

    public Output<T> Invoke<T>(string token, InvokeArgs args, InvokeOutputOptions options) =>
        new(_deployment.InvokeAsync<T>(token, args, options));

    /// <summary>The answer itself; may be awaited before any resource is registered.</summary>
    public async Task<T> InvokeAsync<T>(string token, InvokeArgs args, InvokeOptions? options = null) =>
        (await _deployment.InvokeAsync<T>(token, args, options)).Value;
}
