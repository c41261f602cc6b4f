// What "pulumi destroy" must not take away by mistake, as one thing of the stack that nothing replaces. Machines come and go by changes that are
// ordered, one at a time, while the data stays on the others: protecting each of them would forbid that too.

using Pulumi;

namespace RedisHaInfra.Components;

/// <summary>The data of the stack. While it is protected, "pulumi destroy" ends in its preview, and nothing is deleted.</summary>
public sealed class Data : ComponentResource
{
    /// <summary>Declares it.</summary>
    /// <param name="isProtected">Whether it is protected.</param>
    /// <param name="after">What it depends on: destroying takes it first, before all of that.</param>
    public Data(bool isProtected, Resource after)
        : base("redis-ha:infra:Data", "data-of-the-stack", new ComponentResourceOptions { Protect = isProtected, DependsOn = { after } }) => RegisterOutputs();
}
