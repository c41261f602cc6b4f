// Output.Tuple: several outputs as one.

namespace Pulumi;

public static partial class Output
{
    public static Output<(T1, T2)> Tuple<T1, T2>(Output<T1> item1, Output<T2> item2)
    {
        return new(Resolve(item1, item2));
        static async Task<OutputData<(T1, T2)>> Resolve(Output<T1> item1, Output<T2> item2)
        {
            OutputData<T1> data1 = await item1.Data;
            OutputData<T2> data2 = await item2.Data;
            return data1.Then(data2.Then(new OutputData<(T1, T2)>((data1.Value, data2.Value))));
        }
    }

    public static Output<(T1, T2, T3)> Tuple<T1, T2, T3>(
        Output<T1> item1, Output<T2> item2, Output<T3> item3) =>
        Tuple(Tuple(item1, item2), item3).Apply(v => (v.Item1.Item1, v.Item1.Item2, v.Item2));

    public static Output<(T1, T2, T3, T4)> Tuple<T1, T2, T3, T4>(
        Output<T1> item1, Output<T2> item2, Output<T3> item3, Output<T4> item4) =>
        Tuple(Tuple(item1, item2), Tuple(item3, item4)).Apply(v => (v.Item1.Item1, v.Item1.Item2, v.Item2.Item1, v.Item2.Item2));

    public static Output<(T1, T2, T3, T4, T5)> Tuple<T1, T2, T3, T4, T5>(
        Output<T1> item1, Output<T2> item2, Output<T3> item3, Output<T4> item4, Output<T5> item5) =>
        Tuple(Tuple(item1, item2), Tuple(item3, item4, item5)).Apply(v => (v.Item1.Item1, v.Item1.Item2, v.Item2.Item1, v.Item2.Item2, v.Item2.Item3));

    public static Output<(T1, T2, T3, T4, T5, T6)> Tuple<T1, T2, T3, T4, T5, T6>(
        Output<T1> item1, Output<T2> item2, Output<T3> item3, Output<T4> item4, Output<T5> item5, Output<T6> item6) =>
        Tuple(Tuple(item1, item2, item3), Tuple(item4, item5, item6))
            .Apply(v => (v.Item1.Item1, v.Item1.Item2, v.Item1.Item3, v.Item2.Item1, v.Item2.Item2, v.Item2.Item3));

    public static Output<(T1, T2, T3, T4, T5, T6, T7)> Tuple<T1, T2, T3, T4, T5, T6, T7>(
        Output<T1> item1, Output<T2> item2, Output<T3> item3, Output<T4> item4, Output<T5> item5, Output<T6> item6, Output<T7> item7) =>
        Tuple(Tuple(item1, item2, item3), Tuple(item4, item5, item6, item7))
            .Apply(v => (v.Item1.Item1, v.Item1.Item2, v.Item1.Item3, v.Item2.Item1, v.Item2.Item2, v.Item2.Item3, v.Item2.Item4));

    public static Output<(T1, T2, T3, T4, T5, T6, T7, T8)> Tuple<T1, T2, T3, T4, T5, T6, T7, T8>(
        Output<T1> item1, Output<T2> item2, Output<T3> item3, Output<T4> item4, Output<T5> item5, Output<T6> item6, Output<T7> item7, Output<T8> item8) =>
        Tuple(Tuple(item1, item2, item3, item4), Tuple(item5, item6, item7, item8))
            .Apply(v => (v.Item1.Item1, v.Item1.Item2, v.Item1.Item3, v.Item1.Item4, v.Item2.Item1, v.Item2.Item2, v.Item2.Item3, v.Item2.Item4));

    public static Output<(T1, T2)> Tuple<T1, T2>(
        Input<T1> item1, Input<T2> item2) =>
        Tuple(item1.ToOutput(), item2.ToOutput());

    public static Output<(T1, T2, T3)> Tuple<T1, T2, T3>(
        Input<T1> item1, Input<T2> item2, Input<T3> item3) =>
        Tuple(item1.ToOutput(), item2.ToOutput(), item3.ToOutput());

    public static Output<(T1, T2, T3, T4)> Tuple<T1, T2, T3, T4>(
        Input<T1> item1, Input<T2> item2, Input<T3> item3, Input<T4> item4) =>
        Tuple(item1.ToOutput(), item2.ToOutput(), item3.ToOutput(), item4.ToOutput());

    public static Output<(T1, T2, T3, T4, T5)> Tuple<T1, T2, T3, T4, T5>(
        Input<T1> item1, Input<T2> item2, Input<T3> item3, Input<T4> item4, Input<T5> item5) =>
        Tuple(item1.ToOutput(), item2.ToOutput(), item3.ToOutput(), item4.ToOutput(), item5.ToOutput());

    public static Output<(T1, T2, T3, T4, T5, T6)> Tuple<T1, T2, T3, T4, T5, T6>(
        Input<T1> item1, Input<T2> item2, Input<T3> item3, Input<T4> item4, Input<T5> item5, Input<T6> item6) =>
        Tuple(item1.ToOutput(), item2.ToOutput(), item3.ToOutput(), item4.ToOutput(), item5.ToOutput(), item6.ToOutput());

    public static Output<(T1, T2, T3, T4, T5, T6, T7)> Tuple<T1, T2, T3, T4, T5, T6, T7>(
        Input<T1> item1, Input<T2> item2, Input<T3> item3, Input<T4> item4, Input<T5> item5, Input<T6> item6, Input<T7> item7) =>
        Tuple(item1.ToOutput(), item2.ToOutput(), item3.ToOutput(), item4.ToOutput(), item5.ToOutput(), item6.ToOutput(), item7.ToOutput());

    public static Output<(T1, T2, T3, T4, T5, T6, T7, T8)> Tuple<T1, T2, T3, T4, T5, T6, T7, T8>(
        Input<T1> item1, Input<T2> item2, Input<T3> item3, Input<T4> item4, Input<T5> item5, Input<T6> item6, Input<T7> item7, Input<T8> item8) =>
        Tuple(item1.ToOutput(), item2.ToOutput(), item3.ToOutput(), item4.ToOutput(), item5.ToOutput(), item6.ToOutput(), item7.ToOutput(), item8.ToOutput());
}
