// Turns providers.schema into the resource, argument and result classes of the provider packages.

using System;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace PulumiStandIn.Generator;

/// <summary>Generates the provider types of the Pulumi stand-in.</summary>
[Generator]
public sealed class StandInGenerator : IIncrementalGenerator
{
    private static readonly DiagnosticDescriptor BadSchema = new(
        "STANDIN1", "providers.schema cannot be read", "{0}", "PulumiStandIn", DiagnosticSeverity.Error, isEnabledByDefault: true);

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<string> schemas = context.AdditionalTextsProvider
            .Where(file => Path.GetExtension(file.Path) == ".schema")
            .Select((file, cancellation) => file.GetText(cancellation)?.ToString() ?? "");
        context.RegisterSourceOutput(schemas, Generate);
    }

    private static void Generate(SourceProductionContext context, string schema)
    {
        try
        {
            foreach (IGrouping<string, Declaration> package in ProviderSchema.Parse(schema).GroupBy(d => d.Package))
            {
                context.AddSource($"Pulumi.{package.Key}.g.cs", SourceText.From(ProviderTypes.Write([.. package]), Encoding.UTF8));
            }
        }
        catch (FormatException e)
        {
            context.ReportDiagnostic(Diagnostic.Create(BadSchema, Location.None, e.Message));
        }
    }
}
