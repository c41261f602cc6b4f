// OCI's Monitoring, and what an instance proves itself with, as far as posting custom metrics needs it: certificates from the metadata service, a token
// for a key (auth, /v1/x509), and metrics that are signed with that key (telemetry-ingestion, /20180401/metrics). It checks what OCI checks, as far as
// Oracle's own SDK tells it (oci-go-sdk: common/auth/federation_client.go, common/http_signer.go, monitoring/post_metric_data_details.go).

using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace RedisHaProcesses;

/// <summary>A value that somebody has posted.</summary>
/// <param name="Metric">Its name.</param>
/// <param name="Dimensions">Its dimensions.</param>
/// <param name="Time">When it was measured.</param>
/// <param name="Value">The value.</param>
public sealed record PostedValue(string Metric, IReadOnlyDictionary<string, string> Dimensions, DateTimeOffset Time, double Value);

/// <summary>A request, as it came.</summary>
/// <param name="Path">The path, with the query.</param>
/// <param name="Header">A header's value by its name; null where it is not there.</param>
/// <param name="Body">The body.</param>
public sealed record PostRequest(string Path, Func<string, string?> Header, byte[] Body);

/// <summary>The services, for all instances of one tenancy.</summary>
public sealed partial class MetricService : IDisposable
{
    private const string Tenancy = "ocid1.tenancy.oc1..aaaalab";
    private const string FederationHeaders = "date (request-target) content-length content-type x-content-sha256";
    private const string Headers = "date (request-target) host content-length content-type x-content-sha256";

    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(5), TokenLife = TimeSpan.FromMinutes(20);

    private readonly TimeProvider _time;
    private readonly RSA _authorityKey = RSA.Create(2048);
    private readonly X509Certificate2 _authority;
    private readonly ConcurrentDictionary<string, Lazy<X509Certificate2>> _instances = [];
    private readonly ConcurrentDictionary<string, (string Key, DateTimeOffset Ends)> _tokens = [];

    /// <summary>Makes the tenancy's authority.</summary>
    public MetricService(TimeProvider time)
    {
        _time = time;
        var request = new CertificateRequest("CN=PKISVC Identity Intermediate", _authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _authority = request.CreateSelfSigned(time.GetUtcNow() - TimeSpan.FromDays(1), time.GetUtcNow() + TimeSpan.FromDays(30));
    }

    /// <summary>Tokens that were given.</summary>
    public int TokensGiven { get; private set; }

    /// <summary>Whether the policy allows it; without it OCI answers as if there were nothing.</summary>
    public bool IsAllowed { get; set; } = true;

    /// <summary>Takes a value; in order.</summary>
    public event Action<PostedValue>? Posted;

    /// <summary>The last request for metrics that was taken.</summary>
    public PostRequest? LastTaken { get; private set; }

    /// <summary>What the metadata service says of an instance below /opc/v2/; null where there is no such thing.</summary>
    public string? Metadata(string instance, string path) => path switch
    {
        "identity/cert.pem" => Of(instance).ExportCertificatePem() + "\n",
        "identity/key.pem" => Of(instance).GetRSAPrivateKey()!.ExportRSAPrivateKeyPem() + "\n",
        "identity/intermediate.pem" => _authority.ExportCertificatePem() + "\n",
        "instance/regionInfo" => JsonSerializer.Serialize(new
        {
            realmKey = "oc1",
            realmDomainComponent = "oraclecloud.com",
            regionKey = "LAB",
            regionIdentifier = "lab-region-1"
        }),
        _ => null,
    };

    /// <summary>All tokens are of no use any more.</summary>
    public void WithdrawTokens() => _tokens.Clear();

    /// <summary>Answers a request.</summary>
    public (int Status, string Body) Answer(PostRequest request)
    {
        try
        {
            return request.Path switch
            {
                "/v1/x509" => Token(request),
                "/20180401/metrics" => Metrics(request),
                _ => (404, Problem("NotFound", request.Path)),
            };
        }
        catch (RefusedException refused)
        {
            return (refused.Status, Problem(refused.Status == 401 ? "NotAuthenticated" : "InvalidParameter", refused.Message));
        }
        catch (Exception error) when (error is JsonException or FormatException or CryptographicException or KeyNotFoundException
            or InvalidOperationException)
        {
            return (400, Problem("InvalidParameter", error.Message));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var certificate in _instances.Values)
        {
            certificate.Value.Dispose();
        }
        _authority.Dispose();
        _authorityKey.Dispose();
    }

    private static string Problem(string code, string message) => JsonSerializer.Serialize(new { code, message });

    private (int Status, string Body) Token(PostRequest request)
    {
        using var document = JsonDocument.Parse(request.Body);
        using var certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(Text(document.RootElement, "certificate")));
        using var between = X509CertificateLoader.LoadCertificate(
            Convert.FromBase64String(document.RootElement.GetProperty("intermediateCertificates")[0].GetString()!));
        Require(Text(document.RootElement, "fingerprintAlgorithm") == "SHA256", 400, "the fingerprint's algorithm");
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = _time.GetUtcNow().UtcDateTime;
        Require(between.RawDataMemory.Span.SequenceEqual(_authority.RawData) && chain.Build(certificate), 401, "the certificate is not of an instance here");
        var print = string.Join(':', SHA256.HashData(certificate.RawData).Select(each => each.ToString("x2", CultureInfo.InvariantCulture)));
        using var key = certificate.GetRSAPublicKey()!;
        var keyId = Verify(request, FederationHeaders, _ => key);
        Require(keyId == $"{Tenancy}/fed-x509-sha256/{print}", 401, $"the key {keyId} is not that of the certificate");

        var ends = _time.GetUtcNow() + TokenLife;
        var token = string.Join('.', new[] { """{"alg":"none"}""", JsonSerializer.Serialize(new { sub = certificate.Subject,
            exp = ends.ToUnixTimeSeconds() }), Convert.ToHexString(RandomNumberGenerator.GetBytes(16)) }
            .Select(part => Convert.ToBase64String(Encoding.UTF8.GetBytes(part)).TrimEnd('=').Replace('+', '-').Replace('/', '_')));
        _tokens[token] = (Text(document.RootElement, "publicKey"), ends);
        TokensGiven++;
        return (200, JsonSerializer.Serialize(new { token }));
    }

    private (int Status, string Body) Metrics(PostRequest request)
    {
        using var key = RSA.Create();
        Verify(request, Headers, keyId =>
        {
            Require(keyId.StartsWith("ST$", StringComparison.Ordinal) && _tokens.TryGetValue(keyId[3..], out var known)
                && known.Ends > _time.GetUtcNow(), 401, "no such token");
            key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(_tokens[keyId[3..]].Key), out _);
            return key;
        });
        if (!IsAllowed)
        {
            return (404, Problem("NotAuthorizedOrNotFound", "Authorization failed or requested resource not found."));
        }
        using var document = JsonDocument.Parse(request.Body);
        PostedValue[] values = [.. document.RootElement.GetProperty("metricData").EnumerateArray().SelectMany(ValuesOf)];
        Require(values.Length is > 0 and <= 50, 400, "1 to 50 metric streams");
        LastTaken = request;
        foreach (var value in values)
        {
            Posted?.Invoke(value);
        }
        return (200, """{"failedMetricsCount":0,"failedMetrics":[]}""");
    }

    private IEnumerable<PostedValue> ValuesOf(JsonElement metric)
    {
        var space = Text(metric, "namespace");
        Require(NamespaceForm().IsMatch(space) && !space.StartsWith("oci_", StringComparison.Ordinal) && !space.StartsWith("oracle_", StringComparison.Ordinal),
            400, $"the namespace {space}");
        Require(Text(metric, "compartmentId").StartsWith("ocid1.", StringComparison.Ordinal), 400, "the compartment");
        var dimensions = metric.GetProperty("dimensions").EnumerateObject().ToDictionary(each => each.Name, each => each.Value.GetString()!);
        Require(dimensions.Count is > 0 and <= 20 && dimensions.Keys.All(name => !name.AsSpan().ContainsAny(' ', '.')), 400, "1 to 20 dimensions");
        foreach (var point in metric.GetProperty("datapoints").EnumerateArray())
        {
            var time = DateTimeOffset.ParseExact(
                Text(point, "timestamp"), "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
            Require(time > _time.GetUtcNow() - TimeSpan.FromHours(2) && time < _time.GetUtcNow() + TimeSpan.FromMinutes(10), 400, $"the time {time:O}");
            yield return new PostedValue(Text(metric, "name"), dimensions, time, point.GetProperty("value").GetDouble());
        }
    }

    // What was signed, by whom, and that the body is the one that was signed. Returns the key's name.
    private string Verify(PostRequest request, string headers, Func<string, RSA> keyOf)
    {
        var said = AuthorizationForm().Match(request.Header("Authorization") ?? string.Empty);
        Require(said.Success && said.Groups["headers"].Value == headers, 401, $"the signature's form: {request.Header("Authorization")}");
        Require(DateTimeOffset.TryParseExact(request.Header("Date"), "R", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
            && (date - _time.GetUtcNow()).Duration() < Skew, 401, $"the date {request.Header("Date")}");
        Require(request.Header("Content-Length") == request.Body.Length.ToString(CultureInfo.InvariantCulture)
            && request.Header("X-Content-Sha256") == Convert.ToBase64String(SHA256.HashData(request.Body)), 401, "the body is not the one that was signed");
        var text = string.Join('\n', headers.Split(' ').Select(name =>
            $"{name}: {(name == "(request-target)" ? $"post {request.Path}" : request.Header(name))}"));
        var keyId = said.Groups["key"].Value;
        Require(keyOf(keyId).VerifyData(Encoding.UTF8.GetBytes(text), Convert.FromBase64String(said.Groups["signature"].Value), HashAlgorithmName.SHA256,
            RSASignaturePadding.Pkcs1), 401, "the signature");
        return keyId;
    }

    private X509Certificate2 Of(string instance) => _instances.GetOrAdd(instance, name => new Lazy<X509Certificate2>(() =>
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}, OU=opc-certtype:instance, OU=opc-instance:{name}, OU=opc-tenant:{Tenancy}", key,
            HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.Create(
            _authority, _authority.NotBefore, _authority.NotAfter, RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    })).Value;

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString() ?? string.Empty;

    private static void Require(bool condition, int status, string what)
    {
        if (!condition)
        {
            throw new RefusedException(status, what);
        }
    }

    [GeneratedRegex("^Signature version=\"1\",keyId=\"(?<key>[^\"]+)\",algorithm=\"rsa-sha256\",headers=\"(?<headers>[^\"]+)\","
        + "signature=\"(?<signature>[^\"]+)\"$")]
    private static partial Regex AuthorizationForm();

    [GeneratedRegex("^[a-z][a-z0-9_]{0,254}$")]
    private static partial Regex NamespaceForm();

    private sealed class RefusedException(int status, string message) : Exception(message)
    {
        public int Status { get; } = status;
    }
}
