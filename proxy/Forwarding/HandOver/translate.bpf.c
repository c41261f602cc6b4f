// The data plane of a handed-over session: translates the packets of one TCP connection into those of the other, at tc ingress.
//
// A session has two flows, one for the packets of each end; each changes addresses, ports, sequence and acknowledgement numbers, SACK
// blocks, timestamps and the window, and sends the packet on by the other flow's device. (The idea: Maltz and Bhagwat, "TCP Splicing
// for Application Layer Proxy Performance", 1998.) What is not of a handed-over session goes up to the host's own TCP untouched.
//
// Built by HandOver/build, which also says by which compiler; translate.bpf.o is compared with this file by a test. There is nothing of
// a kernel's own structures in here, so the one object serves all kernels from 6.6 on, and both x64 and arm64.

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define SECTION(name) __attribute__((section(name), used))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define swap16 __builtin_bswap16
#define swap32 __builtin_bswap32

// Both processors that this is for, and so their BPF, are little-endian; the object is built for that (-target bpfel).
#define ETHERTYPE_IP 0x0008
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define ETHERNET 14
#define TCP (ETHERNET + 20)
#define FRAGMENT 0xff3f // more fragments, or an offset

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

// Of an injected packet, which is for this host's own socket (SO_MARK; a packet from outside has none).
#define OWN_MARK 0x72686f6c

enum state { Free, Open, Closing, Dying };            // of a flow; written by user space only
enum seen { SeenFin = 1, SeenReset = 2, SeenTime = 4 }; // in a flow; written here only
enum event { Finished = 1, Reset = 2, Late = 3, Strange = 4, TooLarge = 5 };

struct ip {
  __u8 version, tos; __u16 length, id, fragment; __u8 ttl, protocol; __u16 check; __u32 source, destination;
};

struct tcp {
  __u16 source, destination; __u32 seq, ack; __u8 offset, flags; __u16 window, check, urgent;
};

struct key {
  __u32 source, destination; __u16 source_port, destination_port; // as in the packet
};

// What is done with the packets of one end, and what was seen of it. Flow i ^ 1 is the other end's.
struct flow {
  __u32 source, destination; __u16 source_port, destination_port; // of the packet that leaves, as in the packet
  __u32 add_seq, add_ack;
  __u32 device;        // that the packet leaves by; 0: it goes up, to a socket of this host
  __u32 generation;
  __u8 shift_in, shift_out, state;
  __u8 held;           // its RST does not pass: bytes that it sent before have not reached the other end yet; user space sends another one after them
  __u32 seen;
  __u32 sent;          // the end of what this end has sent (in its own numbers), FIN included
  __u32 acked;         // what it has acknowledged (in its own numbers)
  __u32 edge;          // the end of the window that it has granted (in its own numbers)
  __u32 clock;         // of the timestamps that the other end gets: milliseconds since boot plus this
  __u32 add_time;      // valid with SeenTime
  __u32 first_time;    // the first timestamp that was translated, as the other end got it
  __u32 progress;      // seconds since boot: since when it has acknowledged nothing of what it was sent, if there is such
  __u32 granted;       // the end of the window that the local socket had granted it (in its own numbers); follows sent once that is further
  __u32 asked;         // how often it has sent nothing with the number before its next: a window probe, or a keep-alive
  __u64 bytes;         // of its stream since the hand-over, each counted once
  __u64 last;          // nanoseconds since boot of its last packet
};

_Static_assert(sizeof(struct key) == 12 && sizeof(struct flow) == 88, "as in FlowKey.cs and Flow.cs");

struct record {
  __u32 flow, generation, kind, value;
};

// What user space says to all of it at once. The kernel goes on by itself when a process is stuck, and nobody would end a session that must
// not go on: so it forwards only as long as it is told that somebody watches.
struct control {
  __u32 unsettled;     // sessions whose local sockets still send
  __u32 watched;       // until when, in milliseconds since boot
};

// Made by user space; the loader puts their descriptors in where these are named.
extern char keys[], flows[], ends[], control[];

static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*map_delete)(void *map, const void *key) = (void *)BPF_FUNC_map_delete_elem;
static __u64 (*ktime)(void) = (void *)BPF_FUNC_ktime_get_ns;
static long (*pull)(struct __sk_buff *skb, __u32 length) = (void *)BPF_FUNC_skb_pull_data;
static long (*l3_replace)(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags) = (void *)BPF_FUNC_l3_csum_replace;
static long (*l4_replace)(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags) = (void *)BPF_FUNC_l4_csum_replace;
static long (*store_bytes)(struct __sk_buff *skb, __u32 offset, const void *from, __u32 length, __u64 flags) = (void *)BPF_FUNC_skb_store_bytes;
static long (*redirect_neighbour)(__u32 device, void *parameters, int length, __u64 flags) = (void *)BPF_FUNC_redirect_neigh;
static long (*output)(void *ring, void *data, __u64 size, __u64 flags) = (void *)BPF_FUNC_ringbuf_output;

ALWAYS_INLINE int after(__u32 a, __u32 b) { return (__s32)(a - b) > 0; }

// The same value, of which the verifier knows nothing any more: it looks once at what follows, not once for each way that led there.
ALWAYS_INLINE __u32 forget(__u32 value, __u32 unknown) {
  __u32 same = unknown;
  asm volatile("" : "+r"(same));
  value ^= unknown;
  asm volatile("" : "+r"(value));
  return value ^ same;
}

// Packets of one end may be here on several processors at once: what they change is changed in one step.
ALWAYS_INLINE int first(struct flow *flow, __u32 what) { return !(__sync_fetch_and_or(&flow->seen, what) & what); }

// Moves a number forward, to no less than another processor has. By how much, or 0.
ALWAYS_INLINE __u32 advance(__u32 *number, __u32 to) {
  for (int i = 0; i < 4; i++) {
    __u32 old = *(volatile __u32 *)number;
    if (!after(to, old))
      return 0;
    if (__sync_val_compare_and_swap(number, old, to) == old)
      return to - old;
  }
  return 0;
}

ALWAYS_INLINE void report(__u32 index, struct flow *flow, enum event kind, __u32 value) {
  struct record record = { index, flow->generation, kind, value };
  output(ends, &record, sizeof record, 0); // a full ring loses it; user space looks at all flows now and then
}

// Of a checksum, the difference that a changed word makes: sums in ones' complement, carries added in the end (RFC 1624).
ALWAYS_INLINE __u64 change(__u32 from, __u32 to) { return (__u64)(__u32)~from + to; }
ALWAYS_INLINE __u32 fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}
// At an odd place the bytes of a word are summed the other way round.
ALWAYS_INLINE __u32 at(__u32 place, __u32 folded) { return folded << 8 * (place & 1); }

// Both processors read and write words at any address.
ALWAYS_INLINE __u32 load(void *at) { return *(__u32 *)at; }
ALWAYS_INLINE void store(void *at, __u32 value) { *(__u32 *)at = value; }

// A timestamp option's two values.
ALWAYS_INLINE __u64 translate_time(void *values, struct flow *flow, struct flow *other, __u64 now) {
  __u32 value = load(values), echo = load(values + 4), old = swap32(echo), fresh = 0;
  if (!(flow->seen & SeenTime)) {
    flow->add_time = (__u32)(now / 1000000) + flow->clock - swap32(value);
    flow->first_time = swap32(value) + flow->add_time;
    first(flow, SeenTime);
  }
  // An echo of what the host's own socket had sent before is nothing that this end's peer knows: none.
  if ((other->seen & SeenTime) && !after(other->first_time, old))
    fresh = old - other->add_time;
  __u32 new_value = swap32(swap32(value) + flow->add_time), new_echo = swap32(fresh);
  store(values, new_value);
  store(values + 4, new_echo);
  return change(value, new_value) + change(echo, new_echo);
}

// A router says that a packet which was sent on to one of the ends is too large for its way (RFC 1191). Who sent it does not hear of it: the
// packet had this host's address. It goes up in any case; believed is what speaks of bytes that are under way.
ALWAYS_INLINE int hear_router(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + TCP + 36 > end) {
    if (pull(skb, TCP + 36))
      return TC_ACT_UNSPEC;
    data = (void *)(long)skb->data;
    end = (void *)(long)skb->data_end;
    if (data + TCP + 36 > end)
      return TC_ACT_UNSPEC;
  }
  __u8 *icmp = data + TCP;
  struct ip *ip = data + TCP + 8;
  struct tcp *tcp = data + TCP + 28; // its first eight bytes
  if (icmp[0] != 3 || icmp[1] != 4 || ip->version != 0x45 || ip->protocol != PROTOCOL_TCP)
    return TC_ACT_UNSPEC;
  struct key key = { ip->destination, ip->source, tcp->destination, tcp->source };
  __u32 *place = map_lookup(keys, &key);
  if (!place)
    return TC_ACT_UNSPEC;
  __u32 index = *place, opposite = index ^ 1, seq = swap32(tcp->seq);
  struct flow *flow = map_lookup(flows, &index), *other = map_lookup(flows, &opposite);
  if (flow && other && flow->state == Open && !after(flow->acked, seq) && !after(seq, other->sent + other->add_seq))
    report(index, flow, TooLarge, swap16(*(__u16 *)(icmp + 6)));
  return TC_ACT_UNSPEC;
}

SECTION("tc") int translate(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (skb->mark == OWN_MARK || skb->vlan_present)
    return TC_ACT_UNSPEC;
  if (data + TCP + 20 > end) {
    if (pull(skb, TCP + 20))
      return TC_ACT_UNSPEC; // too short
    data = (void *)(long)skb->data;
    end = (void *)(long)skb->data_end;
    if (data + TCP + 20 > end)
      return TC_ACT_UNSPEC;
  }
  struct ip *ip = data + ETHERNET;
  struct tcp *tcp = data + TCP;
  if (*(__u16 *)(data + 12) != ETHERTYPE_IP || ip->version != 0x45)
    return TC_ACT_UNSPEC;
  if (ip->protocol == PROTOCOL_ICMP)
    return hear_router(skb);
  if (ip->protocol != PROTOCOL_TCP)
    return TC_ACT_UNSPEC;

  struct key key = { ip->source, ip->destination, tcp->source, tcp->destination };
  __u32 *place = map_lookup(keys, &key);
  if (!place)
    return TC_ACT_UNSPEC;
  __u32 index = *place, opposite = index ^ 1;
  struct flow *flow = map_lookup(flows, &index), *other = map_lookup(flows, &opposite);
  if (!flow || !other || flow->state == Free)
    return TC_ACT_UNSPEC;
  __u64 now = ktime();
  __u32 zero = 0;
  struct control *said = map_lookup(control, &zero);
  if (!said || after((__u32)(now / 1000000), *(volatile __u32 *)&said->watched))
    return TC_ACT_SHOT;

  __u8 flags = tcp->flags;
  __u32 header = (tcp->offset >> 4) * 4, whole = swap16(ip->length);
  if (ip->fragment & FRAGMENT) { // only the first one has ports: such a stream cannot be followed
    if (!(flow->seen & SeenReset))
      report(index, flow, Strange, 0);
    return TC_ACT_SHOT;
  }
  if (skb->len > 0xffff + ETHERNET) // BIG TCP: the length does not fit, and is 0
    whole = skb->len - ETHERNET;
  if (header < 20 || whole < 20 + header || skb->len < ETHERNET + whole)
    return TC_ACT_SHOT;

  if (flow->state != Open && (flags & SYN)) { // a new connection with an old one's addresses
    struct key back = { flow->destination, flow->source, flow->destination_port, flow->source_port };
    map_delete(keys, &key);
    map_delete(keys, &back);
    return TC_ACT_UNSPEC;
  }
  if (flow->state == Dying) { // this end has not heard that it is over: user space tells it, with the number that it expects
    if (!(flags & RST))
      report(index, flow, Late, flags & ACK ? swap32(tcp->ack) : 0);
    return TC_ACT_SHOT;
  }

  if (data + TCP + header > end) {
    if (pull(skb, TCP + header))
      return TC_ACT_SHOT;
    data = (void *)(long)skb->data;
    end = (void *)(long)skb->data_end;
    if (data + TCP + 20 > end)
      return TC_ACT_SHOT;
    ip = data + ETHERNET;
    tcp = data + TCP;
  }

  // Which options there are: places of the timestamps and of the SACK blocks.
  __u32 room = header - 20, time_at = 63, blocks_at = 63, blocks = 0, unknown = skb->hash;
  if (room == 12 && data + TCP + 32 <= end && load((void *)tcp + 20) == 0x0a080101) {
    time_at = 2; // as Linux sends most packets
  } else {
    __u32 offset = 0;
    for (int i = 0; i < 40; i++) {
      offset = forget(offset, unknown) & 63;
      if (offset >= room || offset >= 40)
        break;
      __u8 *option = (void *)tcp + 20 + offset;
      if ((void *)option + 2 > end)
        break; // a last byte alone, at the packet's end, has no length: the end, or padding
      __u32 kind = option[0], size = option[1];
      if (kind == 0)
        break;
      if (kind == 1)
        size = 1;
      else if (size < 2 || offset + size > room)
        break;
      if (kind == 8 && size == 10)
        time_at = offset;
      if (kind == 5) {
        blocks_at = offset;
        blocks = size;
      }
      offset += size;
      time_at = forget(time_at, unknown) & 63;
      blocks_at = forget(blocks_at, unknown) & 63;
      blocks = forget(blocks, unknown) & 63;
    }
  }
  time_at = forget(time_at, unknown) & 63;
  blocks_at = forget(blocks_at, unknown) & 63;
  blocks = forget(blocks, unknown) & 63;

  __u32 seq = swap32(tcp->seq), ack = swap32(tcp->ack), length = whole - 20 - header, finish = seq + length + (flags & FIN);
  __u32 window = (__u32)swap16(tcp->window) << (flow->shift_in & 15);

  // Counted is only what this end may send: what begins within the window that it knows (Linux takes it whole, then, and acknowledges it
  // beyond the window); an acknowledgement of what was sent. Numbers that somebody invents move nothing here, and go on to the other end,
  // which drops them. At first this end knows the window of the local socket, which may be further than the other end's last word here: by
  // the time its bytes arrive, the other end has room for them, and its word for that may come later than they do.
  flow->last = now;
  if ((flags & ACK) && !(flags & (SYN | RST)) && !after(flow->acked, ack) && !after(ack + flow->add_ack, other->sent)) {
    if (advance(&flow->acked, ack))
      flow->progress = (__u32)(now / 1000000000);
    advance(&flow->edge, ack + window);
  }
  // (Not by a bare acknowledgement: after a FIN that is late or lost it has the number behind it.)
  if (!(flags & (SYN | RST)) && (length || (flags & FIN)) && (!after(seq + flow->add_seq, other->edge) || !after(seq, flow->granted))) {
    int waited = other->acked != flow->sent + flow->add_seq;
    __u32 more = advance(&flow->sent, finish);
    if (more) {
      if (after(finish, flow->granted))
        flow->granted = finish; // nobody reads more of it than that it is not ahead of what was sent
      if (!waited)
        other->progress = (__u32)(now / 1000000000);
      __sync_fetch_and_add(&flow->bytes, (__u64)(more - (flags & FIN)));
      if ((flags & FIN) && first(flow, SeenFin))
        report(index, flow, Finished, 0);
    }
  }
  if (!length && !(flags & (SYN | RST | FIN)) && seq + flow->add_seq + 1 == other->acked)
    __sync_fetch_and_add(&flow->asked, 1);
  // A reset ends the session when its number may be the one that the other end expects (RFC 5961, 3.2): between what that has acknowledged
  // and what was sent to it, as acknowledgements are late. User space sends it another one with the exact number then.
  if ((flags & RST) && !after(other->acked, seq + flow->add_seq) && !after(seq, flow->sent)) {
    if (first(flow, SeenReset))
      report(index, flow, Reset, 0);
    if (*(volatile __u8 *)&flow->held)
      return TC_ACT_SHOT;
  }

  // Ports, numbers, window.
  __u32 before[4], then[4];
  __builtin_memcpy(before, tcp, 16);
  window >>= flow->shift_out & 15;
  tcp->source = flow->source_port;
  tcp->destination = flow->destination_port;
  tcp->seq = swap32(seq + flow->add_seq);
  if (flags & ACK)
    tcp->ack = swap32(ack + flow->add_ack);
  if (!(flags & SYN))
    tcp->window = swap16(window > 0xffff ? 0xffff : window);
  __builtin_memcpy(then, tcp, 16);
  __u64 sum = change(before[0], then[0]) + change(before[1], then[1]) + change(before[2], then[2]) + change(before[3], then[3]);

  // Options.
  void *options = (void *)tcp + 20;
  if (time_at < 40) {
    void *values = options + time_at + 2;
    if (values + 8 <= end)
      sum += at(time_at, fold(translate_time(values, flow, other, now)));
  }
  if (blocks_at < 40) {
    __u64 part = 0;
    for (int b = 0; b < 8; b++) {
      void *number = options + blocks_at + 2 + 4 * b;
      if (2 + 4 * b + 4 > blocks || number + 4 > end)
        break;
      __u32 old = load(number), fresh = swap32(swap32(old) + flow->add_ack);
      store(number, fresh);
      part += change(old, fresh);
    }
    sum += at(blocks_at, fold(part));
  }

  // Addresses, and a time to live as if the packet came from this host.
  __u32 source = flow->source, destination = flow->destination, device = flow->device;
  __u64 addresses = change(ip->source, source) + change(ip->destination, destination);
  __u64 life = change(ip->ttl, 64);
  ip->ttl = 64;
  ip->source = source;
  ip->destination = destination;
  l3_replace(skb, ETHERNET + 10, 0, fold(addresses + life), 0);
  l4_replace(skb, TCP + 16, 0, fold(sum), 0);
  l4_replace(skb, TCP + 16, 0, fold(addresses), BPF_F_PSEUDO_HDR);
  return device ? redirect_neighbour(device, 0, 0, 0) : TC_ACT_UNSPEC;
}

// At tc egress. A local socket that still has bytes from before the hand-over to send (again) has not heard what their receiver has sent
// since. An acknowledgement that is older than the largest window it ever had is an attack to the receiver, which drops the segment
// (RFC 5961, 5.2): so the segment gets what the other end has acknowledged. No packet is written directly: for that the kernel would
// copy every packet's head before this runs.
SECTION("leave") int refresh(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  __u32 zero = 0;
  struct control *said = map_lookup(control, &zero);
  if (skb->ingress_ifindex) // what was sent on by the other program leaves here, too
    return TC_ACT_UNSPEC;
  if (!said || !said->unsettled || skb->mark == OWN_MARK || skb->vlan_present || data + TCP + 20 > end)
    return TC_ACT_UNSPEC;
  struct ip *ip = data + ETHERNET;
  struct tcp *tcp = data + TCP;
  if (*(__u16 *)(data + 12) != ETHERTYPE_IP || ip->version != 0x45 || ip->protocol != PROTOCOL_TCP || (ip->fragment & FRAGMENT))
    return TC_ACT_UNSPEC;
  struct key key = { ip->destination, ip->source, tcp->destination, tcp->source };
  __u32 *place = map_lookup(keys, &key);
  if (!place)
    return TC_ACT_UNSPEC;
  __u32 index = *place, opposite = index ^ 1;
  struct flow *flow = map_lookup(flows, &index), *other = map_lookup(flows, &opposite);
  __u8 flags = tcp->flags;
  if (!flow || !other || flow->state == Free || (flags & (SYN | RST)))
    return TC_ACT_UNSPEC;
  // What must not be forwarded any more does not leave from here either; a session that both ends have finished has nothing left here.
  if (flow->state != Open || after((__u32)(ktime() / 1000000), *(volatile __u32 *)&said->watched))
    return TC_ACT_SHOT;
  if (!(flags & ACK))
    return TC_ACT_UNSPEC;

  __u32 acked = *(volatile __u32 *)&other->acked, newest = acked + other->add_ack, room = other->edge - acked;
  if (!after(newest, swap32(tcp->ack)))
    return TC_ACT_UNSPEC;
  room = (__s32)room < 0 ? 0 : room >> (other->shift_out & 15);
  __u32 ack = swap32(newest), old_ack = tcp->ack;
  __u16 window = swap16(room > 0xffff ? 0xffff : room), old_window = tcp->window;
  l4_replace(skb, TCP + 16, 0, fold(change(old_ack, ack) + change(old_window, window)), 0);
  store_bytes(skb, TCP + 8, &ack, sizeof ack, 0);
  store_bytes(skb, TCP + 14, &window, sizeof window, 0);
  return TC_ACT_UNSPEC;
}

SECTION("license") const char terms[] = "Apache-2.0";
