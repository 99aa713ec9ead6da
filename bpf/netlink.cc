// SPDX-License-Identifier: Apache-2.0
// The writer, one overload per request, and the readers of the replies; see netlink.h.
#include "bpf/netlink.h"

#include <algorithm>

namespace bpfld::bpf {
namespace {

constexpr std::size_t kHeaderSize = 16;    // struct nlmsghdr
constexpr std::size_t kTcSize = 20;        // struct tcmsg
constexpr std::size_t kLinkInfoSize = 16;  // struct ifinfomsg
constexpr u16 kAttributeTypeMask = 0x3fff;

constexpr u8 kFamilyV4 = 2, kFamilyV6 = 10;

// struct tcmsg, pkt_sched.h and pkt_cls.h
constexpr u32 kClsact = 0xfffffff1, kClsactHandle = 0xffff0000;
constexpr u32 kClsactIngress = 0xfffffff2, kClsactEgress = 0xfffffff3;
constexpr u16 kTcaKind = 1, kTcaOptions = 2;
constexpr u16 kTcaBpfFd = 6, kTcaBpfName = 7, kTcaBpfFlags = 8;
constexpr u32 kActDirect = 1;
constexpr u16 kEthAll = 3;  // ETH_P_ALL

// if_link.h
constexpr u16 kIflaXdp = 43, kIflaXdpAttached = 2, kIflaXdpProgId = 4;

// rtnetlink.h, lwtunnel.h, seg6_local.h
constexpr u16 kRtaDestination = 1, kRtaInterface = 4, kRtaGateway = 5;
constexpr u16 kRtaEncapType = 21, kRtaEncap = 22;
constexpr u16 kEncapSeg6Local = 7, kEncapBpf = 6;
constexpr u16 kSeg6Action = 1, kSeg6Bpf = 8;
constexpr u32 kSeg6ActionBpf = 15;
constexpr u16 kProgramFd = 1, kProgramName = 2;  // LWT_BPF_PROG_*, SEG6_LOCAL_BPF_PROG*
constexpr u8 kTableMain = 254, kProtocolStatic = 4, kScopeLink = 253, kScopeUniverse = 0;
constexpr u8 kScopeNowhere = 255, kRouteUnicast = 1;

constexpr u16 to_network(u16 value) {
  return kHostOrder == ByteOrder::little ? std::byteswap(value) : value;
}

constexpr std::size_t aligned(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

// struct tcmsg
void put_tc(NetlinkWriter& out, u32 interface, u32 handle, u32 parent, u32 info) {
  out.put(u32{0}).put(interface).put(handle).put(parent).put(info);
}

void put_filter(NetlinkWriter& out, const FilterPlace& place) {
  put_tc(out, place.interface, place.handle, place.egress ? kClsactEgress : kClsactIngress,
         place.priority << 16 | to_network(kEthAll));
  out.text(kTcaKind, "bpf");
}

// struct rtmsg and the attributes that make a route what it is
void put_route(NetlinkWriter& out, const LwtRoute& route, bool remove) {
  const u8 scope = route.gateway.empty() ? kScopeLink : kScopeUniverse;
  out.put(route.prefix.size() == 4 ? kFamilyV4 : kFamilyV6)
      .put(static_cast<u8>(route.prefix_length))
      .put(u8{0})
      .put(u8{0})
      .put(kTableMain)
      .put(remove ? u8{0} : kProtocolStatic)
      .put(remove ? kScopeNowhere : scope)
      .put(remove ? u8{0} : kRouteUnicast)
      .put(u32{0});
  out.attribute(kRtaDestination, route.prefix).number(kRtaInterface, route.interface);
  if (!route.gateway.empty()) out.attribute(kRtaGateway, route.gateway);
}

struct Encoder {
  using Message = std::vector<std::byte>;

  Message operator()(const ClsactAdd& r) const {
    NetlinkWriter out(NetlinkType::new_qdisc,
                      kNetlinkRequest | kNetlinkAck | kNetlinkCreate | kNetlinkExclusive);
    put_tc(out, r.interface, kClsactHandle, kClsact, 0);
    return out.text(kTcaKind, "clsact").finish();
  }
  Message operator()(const ClsactDelete& r) const {
    NetlinkWriter out(NetlinkType::del_qdisc, kNetlinkRequest | kNetlinkAck);
    put_tc(out, r.interface, kClsactHandle, kClsact, 0);
    return out.text(kTcaKind, "clsact").finish();
  }
  Message operator()(const FilterAdd& r) const {
    NetlinkWriter out(NetlinkType::new_filter, kNetlinkRequest | kNetlinkAck | kNetlinkEcho |
                                                   kNetlinkCreate | kNetlinkExclusive);
    put_filter(out, r.place);
    out.begin(kTcaOptions)
        .number(kTcaBpfFd, static_cast<u32>(r.program.get()))
        .text(kTcaBpfName, r.name)
        .number(kTcaBpfFlags, kActDirect)
        .end();
    return out.finish();
  }
  Message operator()(const FilterDelete& r) const {
    NetlinkWriter out(NetlinkType::del_filter, kNetlinkRequest | kNetlinkAck);
    put_filter(out, r.place);
    return out.finish();
  }
  Message operator()(const XdpQuery& r) const {
    NetlinkWriter out(NetlinkType::get_link, kNetlinkRequest | kNetlinkAck);
    return out.put(u32{0}).put(r.interface).put(u32{0}).put(u32{0}).finish();
  }
  Message operator()(const RouteAdd& r) const {
    NetlinkWriter out(NetlinkType::new_route,
                      kNetlinkRequest | kNetlinkAck | kNetlinkCreate | kNetlinkExclusive);
    put_route(out, r.route, false);
    const bool seg6 = r.hook == LwtHook::seg6local;
    out.number(kRtaEncapType, seg6 ? kEncapSeg6Local : kEncapBpf).begin(kRtaEncap);
    if (seg6) out.number(kSeg6Action, kSeg6ActionBpf);
    out.begin(seg6 ? kSeg6Bpf : static_cast<u16>(r.hook))
        .number(kProgramFd, static_cast<u32>(r.program.get()))
        .text(kProgramName, r.name)
        .end()
        .end();
    return out.finish();
  }
  Message operator()(const RouteDelete& r) const {
    NetlinkWriter out(NetlinkType::del_route, kNetlinkRequest | kNetlinkAck);
    put_route(out, r.route, true);
    return out.finish();
  }
  template <typename Other>
  Message operator()(const Other&) const {
    return {};
  }
};

struct Attribute {
  u16 type = 0;
  Bytes value;
};

// The attributes in `bytes`, up to the first that does not fit.
std::vector<Attribute> attributes(Bytes bytes) {
  std::vector<Attribute> out;
  while (bytes.size() >= 4) {
    const u16 size = load_checked<u16>(bytes, 0);
    if (size < 4 || size > bytes.size()) break;
    out.push_back({static_cast<u16>(load_checked<u16>(bytes, 2) & kAttributeTypeMask),
                   bytes.subspan(4, size - 4u)});
    bytes = bytes.subspan(std::min(aligned(size), bytes.size()));
  }
  return out;
}

}  // namespace

NetlinkWriter::NetlinkWriter(NetlinkType type, u16 flags) {
  put(u32{0}).put(static_cast<u16>(type)).put(flags).put(u32{0}).put(u32{0});
}

NetlinkWriter& NetlinkWriter::raw(Bytes bytes) {
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  return *this;
}

NetlinkWriter& NetlinkWriter::attribute(u16 type, Bytes value) {
  put(static_cast<u16>(value.size() + 4)).put(type).raw(value);
  out_.resize(aligned(out_.size()));
  return *this;
}

NetlinkWriter& NetlinkWriter::text(u16 type, std::string_view value) {
  std::vector<std::byte> bytes(value.size() + 1);
  std::ranges::copy(bytes_of(value), bytes.begin());
  return attribute(type, bytes);
}

NetlinkWriter& NetlinkWriter::begin(u16 type) {
  open_.push_back(out_.size());
  return put(u16{0}).put(type);
}

NetlinkWriter& NetlinkWriter::end() {
  const u16 size = static_cast<u16>(out_.size() - open_.back());
  std::memcpy(out_.data() + open_.back(), &size, sizeof size);
  open_.pop_back();
  return *this;
}

std::vector<std::byte> NetlinkWriter::finish() {
  const u32 size = static_cast<u32>(out_.size());
  std::memcpy(out_.data(), &size, sizeof size);
  return std::move(out_);
}

std::vector<std::byte> encode_netlink(const Request& request) {
  return std::visit(Encoder{}, request);
}

std::vector<std::byte> encode_filter_dump(u32 interface, bool egress) {
  NetlinkWriter out(NetlinkType::get_filter, kNetlinkRequest | kNetlinkDump);
  put_tc(out, interface, 0, egress ? kClsactEgress : kClsactIngress, 0);
  return out.finish();
}

Result<std::vector<NetlinkMessage>> split_netlink(Bytes bytes) {
  std::vector<NetlinkMessage> out;
  while (!bytes.empty()) {
    const u32 size = TRY(load<u32>(bytes, 0));
    if (size < kHeaderSize || size > bytes.size())
      return fail(Code::malformed, "netlink message of {} bytes in {}", size, bytes.size());
    NetlinkMessage message;
    message.type = static_cast<NetlinkType>(load_checked<u16>(bytes, 4));
    message.flags = load_checked<u16>(bytes, 6);
    message.body = bytes.subspan(kHeaderSize, size - kHeaderSize);
    out.push_back(message);
    bytes = bytes.subspan(std::min(aligned(size), bytes.size()));
  }
  return out;
}

// struct nlmsgerr: the negative errno, the header of the message in question, on a refusal the rest
// of that message too unless NLM_F_CAPPED (0x100), then with NLM_F_ACK_TLVS (0x200) attributes.
NetlinkError read_netlink_error(const NetlinkMessage& message) {
  constexpr u16 kCapped = 0x100, kHasAttributes = 0x200, kMessage = 1;
  NetlinkError out;
  out.errno_value = -load_checked<i32>(message.body, 0);
  if ((message.flags & kHasAttributes) == 0) return out;
  u64 skip = 4 + kHeaderSize;
  if (out.errno_value != 0 && (message.flags & kCapped) == 0) {
    const u32 asked = load_checked<u32>(message.body, 4);
    skip = 4 + aligned(std::max<u64>(asked, kHeaderSize));
  }
  if (skip > message.body.size()) return out;
  for (const Attribute& attribute : attributes(message.body.subspan(skip)))
    if (attribute.type == kMessage)
      for (std::byte c : attribute.value) {
        if (c == std::byte{0}) break;
        out.text += static_cast<char>(c);
      }
  return out;
}

Result<i64> read_filter_echo(const NetlinkMessage& message) {
  if (message.body.size() < kTcSize)
    return fail(Code::malformed, "netlink: a filter of {} bytes", message.body.size());
  const u64 handle = load_checked<u32>(message.body, 8);
  const u64 priority = load_checked<u32>(message.body, 16) >> 16;
  return static_cast<i64>(priority << 32 | handle);
}

std::vector<XdpProgram> xdp_programs(Bytes link) {
  // XDP_ATTACHED_*; with several, each has an attribute of its own, IFLA_XDP_{DRV,SKB,HW}_PROG_ID.
  constexpr std::string_view kModes[] = {"", "native", "generic", "offload"};
  std::vector<XdpProgram> out;
  if (link.size() < kLinkInfoSize) return out;
  for (const Attribute& xdp : attributes(link.subspan(kLinkInfoSize))) {
    if (xdp.type != kIflaXdp) continue;
    XdpProgram only;
    for (const Attribute& one : attributes(xdp.value)) {
      const u8 attached = load_checked<u8>(one.value, 0);
      if (one.type == kIflaXdpAttached && attached < std::size(kModes))
        only.mode = kModes[attached];
      if (one.type == kIflaXdpProgId) only.id = load_checked<u32>(one.value, 0);
      const std::size_t mode = one.type - kIflaXdpProgId;
      if (one.type > kIflaXdpProgId && mode < std::size(kModes))
        out.push_back({load_checked<u32>(one.value, 0), kModes[mode]});
    }
    if (out.empty() && only.id != 0) out.push_back(only);
  }
  return out;
}

}  // namespace bpfld::bpf
