// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages as bytes: what attaching needs of it (a clsact qdisc and its filters, XDP
// programs of an interface, routes with a program) and the few pieces they are made of. Pure; the
// socket is in linux_kernel_net.cc.
//
// Source: netlink(7), rtnetlink(7),
// include/uapi/linux/{netlink,rtnetlink,pkt_sched,pkt_cls,if_link, lwtunnel,seg6_local}.h.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "bpf/request.h"

namespace bpfld::bpf {

enum class NetlinkType : u16 {
  error = 2,
  done = 3,
  new_link = 16,
  del_link = 17,
  get_link = 18,
  new_address = 20,
  new_route = 24,
  del_route = 25,
  new_qdisc = 36,
  del_qdisc = 37,
  new_filter = 44,
  del_filter = 45,
  get_filter = 46,
};

// nlmsg_flags
inline constexpr u16 kNetlinkRequest = 0x1;
inline constexpr u16 kNetlinkMulti = 0x2;
inline constexpr u16 kNetlinkAck = 0x4;
inline constexpr u16 kNetlinkEcho = 0x8;
inline constexpr u16 kNetlinkExclusive = 0x200;
inline constexpr u16 kNetlinkDump = 0x300;
inline constexpr u16 kNetlinkCreate = 0x400;

// Builds one message: header, fixed part, attributes. Lengths are filled in as it grows; every
// attribute starts at a multiple of four bytes.
class NetlinkWriter {
 public:
  NetlinkWriter(NetlinkType type, u16 flags);

  template <typename T>
  NetlinkWriter& put(T value) {  // of the fixed part
    const Bytes bytes = bytes_of(value);
    return raw(bytes);
  }
  NetlinkWriter& attribute(u16 type, Bytes value);
  template <typename T>
  NetlinkWriter& number(u16 type, T value) {
    return attribute(type, bytes_of(value));
  }
  NetlinkWriter& text(u16 type, std::string_view value);  // with its NUL
  // An attribute that holds those written until end().
  NetlinkWriter& begin(u16 type);
  NetlinkWriter& end();

  std::vector<std::byte> finish();

 private:
  NetlinkWriter& raw(Bytes bytes);

  std::vector<std::byte> out_;
  std::vector<std::size_t> open_;  // where the attributes that are not ended start
};

// The message that makes the request; empty when the request is not one of rtnetlink. Its fds must
// be numbers.
std::vector<std::byte> encode_netlink(const Request& request);
// Asks for every filter of one side of an interface's clsact qdisc.
std::vector<std::byte> encode_filter_dump(u32 interface, bool egress);

// view: one message of what the kernel sent.
struct NetlinkMessage {
  NetlinkType type{};
  u16 flags = 0;
  Bytes body;  // after the header
};
// Errors: malformed.
[[nodiscard]] Result<std::vector<NetlinkMessage>> split_netlink(Bytes bytes);

// spec: what an error message (of type `error`) says; an acknowledgement has errno 0.
struct NetlinkError {
  int errno_value = 0;
  std::string text;  // the kernel's sentence, if it gave one
};
NetlinkError read_netlink_error(const NetlinkMessage& message);

// FilterAdd's reply: priority << 32 | handle, out of the echo.
Result<i64> read_filter_echo(const NetlinkMessage& message);

// spec: an XDP program that an interface has.
struct XdpProgram {
  u32 id = 0;
  std::string_view mode;  // "native", "generic", "offload"
  bool operator==(const XdpProgram&) const = default;
};
// Out of XdpQuery's reply, a struct ifinfomsg and its attributes. What cannot be read is not there.
std::vector<XdpProgram> xdp_programs(Bytes link);

}  // namespace bpfld::bpf
