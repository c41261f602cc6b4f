// The type tokens of the schema are those that the packages' classes register.

using System.Reflection;
using Pulumi;
using Xunit;

namespace PulumiStandIn.Tests;

public sealed class ProviderTypeTests : IDisposable
{
    private readonly int _exitCode = Environment.ExitCode;

    public void Dispose() => Environment.ExitCode = _exitCode;

    public static TheoryData<string, string> Resources => Declared("resource");

    public static TheoryData<string, string> Functions => Declared("function");

    [Theory]
    [MemberData(nameof(Resources))]
    public async Task A_resource_has_the_token_of_the_schema(string name, string token)
    {
        string? type = null;

        // Required inputs are missing: constructing tells the type, and the run fails then.
        await Assert.ThrowsAsync<RunException>(() => Run.UpdateAsync(new RecordingMocks(), () =>
        {
            Type resource = Find(name);
            ConstructorInfo constructor = resource.GetConstructors().Single();
            object args = Activator.CreateInstance(constructor.GetParameters()[1].ParameterType)!;
            type = ((Resource)constructor.Invoke(["name", args, null])).GetResourceType();
            throw new RunException("enough");
        }));
        Assert.Equal(token, type);
    }

    [Theory]
    [MemberData(nameof(Functions))]
    public async Task A_function_has_the_token_of_the_schema(string name, string token)
    {
        var mocks = new RecordingMocks();
        await Run.UpdateAsync(mocks, () =>
        {
            MethodInfo invoke = Find(name).GetMethods().Single(m =>
                m.Name == "Invoke" && m.GetParameters()[1].ParameterType == typeof(InvokeOptions));
            object args = Activator.CreateInstance(invoke.GetParameters()[0].ParameterType)!;
            foreach (PropertyInfo property in args.GetType().GetProperties().Where(p => p.PropertyType == typeof(Input<string>)))
            {
                property.SetValue(args, (Input<string>)"x");
            }

            invoke.Invoke(null, [args, null]);
        });
        Assert.Equal(token, Assert.Single(mocks.Called).Token);
    }

    private static Type Find(string name) => new[]
    {
        typeof(Pulumi.Oci.Core.Vcn).Assembly,
        typeof(Pulumi.Command.Remote.Command).Assembly,
        typeof(Pulumi.Random.RandomPassword).Assembly,
    }.Select(assembly => assembly.GetType("Pulumi." + name)).First(type => type is not null)!;

    private static TheoryData<string, string> Declared(string kind)
    {
        var data = new TheoryData<string, string>();
        foreach (string[] words in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "providers.schema")).Select(line => line.Split(' ')))
        {
            if (words.Length == 3 && words[0] == kind)
            {
                data.Add(words[1], words[2]);
            }
        }

        return data;
    }
}
