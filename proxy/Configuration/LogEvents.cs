// All events of the log. Their names are the field "event" of JSON lines, which alerts look for: a contract, held by a test. Names and numbers are
// added; the text of a message may change, and so may the method that writes it.

namespace RedisHaProxy.Configuration;

/// <summary>The events' numbers, unique in the process.</summary>
internal static class LogEvents
{
    public const int Serving = 1;
    public const int Draining = 3;
    public const int Stopped = 4;
    public const int RoutingFailed = 5;
    public const int LoopStuck = 7;
    public const int ListenersClosed = 8;
    public const int Reloaded = 10;
    public const int ReloadInvalid = 11;
    public const int ReloadWarning = 12;
    public const int ReloadRefused = 13;
    public const int SessionEnd = 20;
    public const int SessionEndsLeftOut = 21;
    public const int HealthCheck = 22;
    public const int SessionEndUnrouted = 23;
    public const int ClientRefused = 24;
    public const int Order = 30;
    public const int AdminProtocol = 31;
    public const int AdminHandshake = 32;
    public const int AdminPassword = 33;
    public const int AdminConnectionClosed = 40;
    public const int NodeTlsFailed = 50;
    public const int ClientTlsFailed = 51;
    public const int TlsFilesExhausted = 52;
    public const int TlsClientRefused = 53;
    public const int WatchdogNotStarted = 60;
    public const int WatchdogEnded = 61;
    public const int FilesExhausted = 70;
    public const int FilesAvailable = 71;
    public const int LoopFailed = 72;
    public const int ConnectionsLowered = 73;
    public const int EngineUring = 74;
    public const int EngineEpollInstead = 75;
    public const int EngineEpoll = 76;
    public const int HandOverAvailable = 80;
    public const int HandOverUnavailable = 81;
    public const int HandOverLost = 82;
    public const int HandOverRefused = 83;
    public const int Decision = 100;
    public const int NodeUp = 101;
    public const int NodeDown = 102;
    public const int NodeRole = 103;
    public const int NodeFollowsStranger = 104;
    public const int NodeComplaint = 105;
    public const int BareFailover = 106;
    public const int Evidence = 107;
    public const int NodeComplaintOver = 108;
    public const int SentinelUp = 110;
    public const int SentinelDown = 111;
    public const int SentinelVote = 112;
    public const int SentinelConcerns = 113;
    public const int SentinelTilt = 114;
    public const int SentinelDownAfter = 115;
    public const int SentinelAnnouncement = 116;
    public const int SentinelEventsLost = 117;
    public const int SentinelEventsHeard = 118;
    public const int Maintenance = 119;
    public const int GateOpen = 120;
    public const int GateShut = 121;
    public const int Blind = 122;
    public const int BlindNoMore = 123;
    public const int WritesRefused = 124;
    public const int WritesTaken = 125;
    public const int SmallQuorum = 126;
    public const int FewSentinels = 127;
    public const int SentinelMajorityLost = 128;
    public const int SentinelMajorityBack = 129;
    public const int ReadOnlyTargets = 130;
    public const int RecordingResumed = 131;
    public const int RecordingStopped = 132;
    public const int SentinelConcernOver = 133;
}
