// The SSH agent that the command provider would ask.

using System.Net.Sockets;
using Pulumi;

namespace RedisHaInfra.Settings;

/// <summary>Checks the environment's SSH agent.</summary>
public static class SshAgent
{
    /// <summary>The variable that names an agent's socket.</summary>
    public const string Variable = "SSH_AUTH_SOCK";

    /// <summary>
    /// Ends the run when the variable names a socket that nobody answers, as a closed SSH session or screen leaves behind. The program
    /// needs no agent, but the provider (pulumi-command 1.2.1, connection.go) connects to it before each command, and each command fails.
    /// </summary>
    /// <param name="socket">The variable's value.</param>
    /// <exception cref="RunException">Nobody answers; the message says what to do.</exception>
    public static void RequireUsable(string? socket)
    {
        // On Windows the provider asks a named pipe, and only where there is one.
        if (string.IsNullOrEmpty(socket) || OperatingSystem.IsWindows())
        {
            return;
        }
        try
        {
            using var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            connection.Connect(new UnixDomainSocketEndPoint(socket));
        }
        catch (Exception error) when (error is SocketException or ArgumentException)
        {
            throw new RunException($"{Variable} = {socket} names an SSH agent that does not answer ({error.Message.Split('\n')[0].TrimEnd('\r')}), and every "
                + "command on the machines would fail at it; "
                + $"nothing was changed. Run `unset {Variable}`, then run pulumi again: the program needs no agent.");
        }
    }
}
