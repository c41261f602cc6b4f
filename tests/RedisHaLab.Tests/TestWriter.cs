// Progress of a lab in a test's output.

using System.Text;
using Xunit.Abstractions;

namespace RedisHaLab.Tests;

/// <summary>Writes lines to a test's output.</summary>
internal sealed class TestWriter : TextWriter
{
    private readonly ITestOutputHelper _output;

    public TestWriter(ITestOutputHelper output) => _output = output;

    public override Encoding Encoding => Encoding.UTF8;

    public override void WriteLine(string? value) => _output.WriteLine(value ?? "");
}
