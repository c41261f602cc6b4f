// The files of a node's payload that its SSH server reads.

namespace RedisHaInfra.Nodes;

/// <summary>Renders the SSH server's files, which are the same on all nodes.</summary>
internal static class SshFiles
{
    /// <summary>The files. No secrets; but at the first boot the keys are cloud-init's, and the server is left alone.</summary>
    /// <exception cref="ArgumentException">There is no key: that would lock everybody out.</exception>
    public static IEnumerable<PayloadFile> Render(LoginAccess login)
    {
        if (string.IsNullOrWhiteSpace(login.Keys))
        {
            throw new ArgumentException("A node needs the public key of somebody who may log in.");
        }
        return new[] { PayloadFile.Embedded("common/sshd.sh"), PayloadFile.Embedded("common/sshd.conf"), new PayloadFile("authorized_keys", login.Keys + "\n") }
            .Select(file => file with { IsInUserData = false });
    }
}
