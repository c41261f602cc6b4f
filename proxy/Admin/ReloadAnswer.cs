// What the operator is told of a reload.

namespace RedisHaProxy.Admin;

/// <summary>The outcome of a reload.</summary>
/// <param name="Good">Whether the file was good.</param>
/// <param name="Message">What was done, or what is wrong, one problem a line.</param>
internal readonly record struct ReloadAnswer(bool Good, string Message);
