// Where a password file is looked for: systemd's credentials first, for relative names only.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Configuration;

public sealed class SecretFileTests
{
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
