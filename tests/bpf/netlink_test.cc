// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages, byte by byte where the kernel looks, and what is read of its answers.
#include "bpf/netlink.h"

#include <cerrno>
#include <doctest/doctest.h>

using namespace bpfld;
using namespace bpfld::bpf;

namespace {

u32 word(const std::vector<std::byte>& bytes, u64 at) {
  const Result<u32> value = load<u32>(bytes, at);
  REQUIRE(value);
  return *value;
}
u16 half(const std::vector<std::byte>& bytes, u64 at) {
  const Result<u16> value = load<u16>(bytes, at);
  REQUIRE(value);
  return *value;
}

// An answer of type `error`: errno, and perhaps a sentence, about a message of `asked` bytes.
std::vector<std::byte> error_message(i32 errno_value, std::string_view text, u32 asked, u16 flags) {
  NetlinkWriter out(NetlinkType::error, flags);
  out.put(-errno_value).put(asked).put(u32{0}).put(u32{0}).put(u32{0});
  if ((flags & 0x100) == 0)
    for (u32 i = 16; i < asked; i += 4)
      out.put(u32{0xdeadbeef});
  if (!text.empty()) out.text(1, text);
  return out.finish();
}

NetlinkError read_error(const std::vector<std::byte>& bytes) {
  const Result<std::vector<NetlinkMessage>> messages = split_netlink(bytes);
  REQUIRE(messages);
  REQUIRE(messages->size() == 1);
  return read_netlink_error(messages->front());
}

}  // namespace

TEST_CASE("bpf netlink: a clsact qdisc is asked for exclusively, and removed by kind") {
  const std::vector<std::byte> add = encode_netlink(ClsactAdd{.interface = 7});
  CHECK(word(add, 0) == add.size());
  CHECK(half(add, 4) == 36);     // RTM_NEWQDISC
  CHECK(half(add, 6) == 0x605);  // REQUEST | ACK | EXCL | CREATE
  CHECK(word(add, 20) == 7);     // tcm_ifindex
  CHECK(word(add, 24) == 0xffff0000);
  CHECK(word(add, 28) == 0xfffffff1);
  CHECK(half(add, 36) == 4 + 7);  // TCA_KIND "clsact"
  CHECK(half(add, 38) == 1);
  CHECK(add.size() == 36 + 12);
  const std::vector<std::byte> remove = encode_netlink(ClsactDelete{.interface = 7});
  CHECK(half(remove, 4) == 37);
  CHECK(half(remove, 6) == 0x5);
}

TEST_CASE("bpf netlink: a filter names hook, priority, protocol, program and direct action") {
  FilterAdd request;
  request.place = {.interface = 7, .egress = true, .priority = 5, .handle = 9};
  request.program = Fd::number(12);
  request.name = "prog";
  const std::vector<std::byte> add = encode_netlink(request);
  CHECK(half(add, 4) == 44);
  CHECK(half(add, 6) == 0x60d);  // ECHO too
  CHECK(word(add, 24) == 9);
  CHECK(word(add, 28) == 0xfffffff3);
  CHECK(word(add, 32) == (5u << 16 | (kHostOrder == ByteOrder::little ? 0x0300u : 3u)));
  CHECK(half(add, 44) == add.size() - 44);  // TCA_OPTIONS holds the rest
  CHECK(half(add, 50) == 6);                // TCA_BPF_FD
  CHECK(word(add, 52) == 12);
  CHECK(half(add, 58) == 7);  // TCA_BPF_NAME
  CHECK(half(add, 70) == 8);  // TCA_BPF_FLAGS
  CHECK(word(add, 72) == 1);
  request.place.egress = false;
  CHECK(word(encode_netlink(request), 28) == 0xfffffff2);
}

TEST_CASE("bpf netlink: a route's encapsulation nests the program under its hook") {
  RouteAdd request;
  request.route.prefix = {std::byte{10}, std::byte{9}, std::byte{0}, std::byte{0}};
  request.route.prefix_length = 16;
  request.route.interface = 3;
  request.hook = LwtHook::xmit;
  request.program = Fd::number(12);
  request.name = "p";
  const std::vector<std::byte> add = encode_netlink(request);
  CHECK(half(add, 4) == 24);
  CHECK(static_cast<u32>(add[16]) == 2);   // AF_INET
  CHECK(static_cast<u32>(add[17]) == 16);  // dst_len
  CHECK(half(add, 28 + 2) == 1);           // RTA_DST
  CHECK(half(add, 36 + 2) == 4);           // RTA_OIF
  CHECK(half(add, 44 + 2) == 21);          // RTA_ENCAP_TYPE
  CHECK(half(add, 48) == 6);               // LWTUNNEL_ENCAP_BPF
  CHECK(half(add, 52 + 2) == 22);          // RTA_ENCAP
  CHECK(half(add, 52) == add.size() - 52);
  CHECK(half(add, 56 + 2) == 3);  // LWT_BPF_XMIT
  CHECK(half(add, 56) == add.size() - 56);
  CHECK(word(add, 64) == 12);
  CHECK(half(encode_netlink(RouteDelete{.route = request.route}), 4) == 25);
}

TEST_CASE("bpf netlink: requests of other kinds have no message") {
  CHECK(encode_netlink(MapFreeze{}).empty());
  CHECK(encode_netlink(OpenPath{}).empty());
}

TEST_CASE("bpf netlink: answers are split, and cut ones are malformed") {
  std::vector<std::byte> both = error_message(0, "", 16, 0x100);
  const std::vector<std::byte> other = encode_netlink(XdpQuery{.interface = 1});
  both.insert(both.end(), other.begin(), other.end());
  const Result<std::vector<NetlinkMessage>> messages = split_netlink(both);
  REQUIRE(messages);
  REQUIRE(messages->size() == 2);
  CHECK((*messages)[1].type == NetlinkType::get_link);
  for (std::size_t cut = 1; cut < both.size(); cut++) {
    if (cut == 36) continue;  // the end of the first
    CHECK_FALSE(split_netlink(Bytes(both).first(cut)));
  }
  std::vector<std::byte> small = other;
  small[0] = std::byte{15};  // less than a header
  CHECK_FALSE(split_netlink(small));
  CHECK(split_netlink({})->empty());
}

TEST_CASE("bpf netlink: a refusal has an errno, and a sentence behind what was asked") {
  CHECK(read_error(error_message(0, "", 60, 0x100)).errno_value == 0);
  CHECK(read_error(error_message(EPERM, "", 60, 0)).errno_value == EPERM);
  NetlinkError error =
      read_error(error_message(EINVAL, "Specified qdisc kind is unknown", 60, 0x200));
  CHECK(error.errno_value == EINVAL);
  CHECK(error.text == "Specified qdisc kind is unknown");
  error = read_error(error_message(EINVAL, "short", 60, 0x300));  // the message is not repeated
  CHECK(error.text == "short");
  // A length that points past the end gives no sentence, and no crash.
  std::vector<std::byte> bytes = error_message(EINVAL, "x", 60, 0x200);
  bytes[20] = bytes[21] = bytes[22] = bytes[23] = std::byte{0xff};
  CHECK(read_error(bytes).text.empty());
}

TEST_CASE("bpf netlink: the echo of a filter tells what the kernel chose") {
  FilterAdd request;
  request.place = {.interface = 7, .egress = false, .priority = 49152, .handle = 3};
  request.program = Fd::number(1);
  const std::vector<std::byte> bytes = encode_netlink(request);
  const Result<std::vector<NetlinkMessage>> messages = split_netlink(bytes);
  REQUIRE(messages);
  const Result<i64> value = read_filter_echo(messages->front());
  REQUIRE(value);
  CHECK(*value == ((49152ll << 32) | 3));
  Reply reply;
  reply.value = *value;
  const std::optional<Request> undo = undo_of(request, reply);
  REQUIRE(undo);
  CHECK(describe(*undo) ==
        "netlink(RTM_DELTFILTER, {ifindex=7, parent=ingress, prio=49152, handle=3, kind=bpf})");
  CHECK_FALSE(read_filter_echo({}).has_value());
}

TEST_CASE("bpf netlink: the XDP programs of an interface, one or of several modes") {
  NetlinkWriter one(NetlinkType::new_link, 0);
  CHECK(xdp_programs(one.begin(43).number(2, u8{2}).number(4, u32{57}).end().finish()) ==
        std::vector<XdpProgram>{{57, "generic"}});
  NetlinkWriter two(NetlinkType::new_link, 0);
  two.begin(43).number(2, u8{4}).number(5, u32{1}).number(6, u32{2}).end();
  CHECK(xdp_programs(two.finish()) == std::vector<XdpProgram>{{1, "native"}, {2, "generic"}});
  NetlinkWriter none(NetlinkType::new_link, 0);
  CHECK(xdp_programs(none.begin(43).number(2, u8{0}).end().finish()).empty());
  CHECK(xdp_programs({}).empty());
}
