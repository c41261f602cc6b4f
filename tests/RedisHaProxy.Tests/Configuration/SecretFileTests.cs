// Where a password file is looked for: systemd's credentials first, for relative names only.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Configuration;

public sealed class SecretFileTests
{
    [Fact]
    public void A_byte_order_mark_is_no_part_of_the_password()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("password", "");
        File.WriteAllBytes(file, [0xEF, 0xBB, 0xBF, .. "secret\r\n"u8]);
        Assert.Equal("secret", SecretFile.Read(file).Value);
        File.WriteAllBytes(file, [0xEF, 0xBB, 0xBF, .. "\n"u8]);
        Assert.Contains("is empty", SecretFile.Read(file).Error, StringComparison.Ordinal);
        File.WriteAllBytes(file, [0xFF, 0xFE, 0x61, 0x00]); // of UTF-16
        Assert.Contains("is not UTF-8 text", SecretFile.Read(file).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("new\nformer\n", "new", "former")]
    [InlineData("new\r\nformer\r\n", "new", "former")]
    [InlineData("new\nformer", "new", "former")]
    [InlineData("new\n", "new", null)]
    [InlineData("new\n\n", null, null)]
    [InlineData("\nformer\n", null, null)]
    [InlineData("new\nformer\nolder\n", null, null)]
    public void A_second_line_is_a_former_secret_where_one_may_stand(string text, string? secret, string? former)
    {
        using var folder = new TemporaryFolder();
        var reading = SecretFile.Read(folder.Write("password", text), former: true);
        Assert.Equal((secret, former), (reading.Value, reading.Former));
        Assert.Equal(secret is null, reading.Error is not null);
    }

    [Fact]
    public void A_relative_name_is_a_credential_of_systemd_where_there_is_one_and_a_file_beside_the_configuration_otherwise()
    {
        using var credentials = new TemporaryFolder();
        using var folder = new TemporaryFolder();
        string credential = credentials.Write("of-systemd.password", "from systemd");
        string file = folder.Write("of-systemd.password", "from the folder");
        string? before = Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY");
        try
        {
            // Of the whole process: no other test has a file of these names.
            Environment.SetEnvironmentVariable("CREDENTIALS_DIRECTORY", credentials.Path);
            Assert.Equal(credential, SecretFile.Resolve("of-systemd.password", folder.Path));
            Assert.Equal("from systemd", SecretFile.Read(SecretFile.Resolve("of-systemd.password", folder.Path)).Value);
            Assert.Equal(file, SecretFile.Resolve(file, folder.Path));
            Assert.Equal(Path.Combine(folder.Path, "not-of-systemd.password"), SecretFile.Resolve("not-of-systemd.password", folder.Path));
        }
        finally
        {
            Environment.SetEnvironmentVariable("CREDENTIALS_DIRECTORY", before);
        }

        Assert.Equal(file, SecretFile.Resolve("of-systemd.password", folder.Path));
    }
}
