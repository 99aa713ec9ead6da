// SPDX-License-Identifier: Apache-2.0
#include "tests/live/network.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>

#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "bpf/netlink.h"

namespace bpfld::test {
namespace {

using bpf::kNetlinkAck;
using bpf::kNetlinkCreate;
using bpf::kNetlinkDump;
using bpf::kNetlinkExclusive;
using bpf::kNetlinkRequest;
using bpf::NetlinkType;
using bpf::NetlinkWriter;

constexpr u16 kIflaName = 3, kIflaLinkInfo = 18, kInfoKind = 1, kInfoData = 2, kPeer = 1;
constexpr u16 kAddress = 1, kLocal = 2;
constexpr u32 kUp = 1;  // IFF_UP

// Sends and waits for the acknowledgement; the errno. `bodies` gets what comes before it.
int talk(const std::vector<std::byte>& message, std::vector<bpf::NetlinkType>* types = nullptr,
         std::vector<std::byte>* last = nullptr) {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  REQUIRE(socket);
  REQUIRE(::send(socket.get(), message.data(), message.size(), 0) > 0);
  std::vector<std::byte> buffer(64u << 10);
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    REQUIRE(got > 0);
    const auto messages = bpf::split_netlink(Bytes(buffer).first(static_cast<std::size_t>(got)));
    REQUIRE(messages);
    for (const bpf::NetlinkMessage& one : *messages) {
      if (one.type == NetlinkType::error) return bpf::read_netlink_error(one).errno_value;
      if (one.type == NetlinkType::done) return 0;
      if (types != nullptr) types->push_back(one.type);
      if (last != nullptr) last->insert(last->end(), one.body.begin(), one.body.end());
    }
  }
}

// struct ifinfomsg
NetlinkWriter& put_link(NetlinkWriter& out, u32 index, u32 flags, u32 change) {
  return out.put(u32{0}).put(index).put(flags).put(change);
}

u32 index_of(const std::string& name) {
  const u32 index = ::if_nametoindex(name.c_str());
  REQUIRE(index != 0);
  return index;
}

int set_up(const std::string& name) {
  NetlinkWriter out(NetlinkType::new_link, kNetlinkRequest | kNetlinkAck);
  return talk(put_link(out, index_of(name), kUp, kUp).finish());
}

}  // namespace

OwnNetwork::OwnNetwork() : outside_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  REQUIRE(outside_);
  REQUIRE(::unshare(CLONE_NEWNET) == 0);
  REQUIRE(set_up("lo") == 0);
}

OwnNetwork::~OwnNetwork() {
  if (::setns(outside_.get(), CLONE_NEWNET) != 0) std::abort();
}

int make_pair(const std::string& kind) {
  NetlinkWriter out(NetlinkType::new_link,
                    kNetlinkRequest | kNetlinkAck | kNetlinkCreate | kNetlinkExclusive);
  put_link(out, 0, 0, 0).text(kIflaName, "va").begin(kIflaLinkInfo).text(kInfoKind, kind);
  put_link(out.begin(kInfoData).begin(kPeer), 0, 0, 0).text(kIflaName, "vb").end().end().end();
  const int refused = talk(out.finish());
  if (refused != 0) return refused;
  const int first = set_up("va");
  return first != 0 ? first : set_up("vb");
}

int add_address(const std::string& interface, u32 address) {
  NetlinkWriter out(NetlinkType::new_address,
                    kNetlinkRequest | kNetlinkAck | kNetlinkCreate | kNetlinkExclusive);
  const u32 network_order = kHostOrder == ByteOrder::little ? std::byteswap(address) : address;
  out.put(u8{AF_INET}).put(u8{24}).put(u8{0}).put(u8{0}).put(index_of(interface));
  return talk(out.number(kAddress, network_order).number(kLocal, network_order).finish());
}

void send_frame(const std::string& interface, const std::vector<u8>& frame) {
  const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  REQUIRE(socket);
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(index_of(interface));
  std::memcpy(&to.sll_protocol, frame.data() + 12, sizeof to.sll_protocol);
  REQUIRE(::sendto(socket.get(), frame.data(), frame.size(), 0,
                   reinterpret_cast<const sockaddr*>(&to),
                   sizeof to) == static_cast<ssize_t>(frame.size()));
}

void send_frames(const std::string& interface, u32 count) {
  std::vector<u8> frame(64, 0);
  std::fill_n(frame.begin(), 6, u8{0xff});  // to everybody
  frame[6] = 2;                             // from a local address
  frame[12] = 0x88;
  frame[13] = 0xb5;
  for (u32 i = 0; i < count; i++)
    send_frame(interface, frame);
}

u32 interface_index(const std::string& interface) {
  return index_of(interface);
}

std::vector<u8> hardware_address(const std::string& interface) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(socket);
  ifreq request = {};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  REQUIRE(::ioctl(socket.get(), SIOCGIFHWADDR, &request) == 0);
  const char* const bytes = request.ifr_hwaddr.sa_data;
  return {bytes, bytes + 6};
}

namespace {

std::vector<u8> frame_to(const std::string& interface, u16 ether_type) {
  std::vector<u8> frame = hardware_address(interface);
  frame.insert(frame.end(), {2, 0, 0, 0, 0, 1, static_cast<u8>(ether_type >> 8),
                             static_cast<u8>(ether_type & 0xff)});
  return frame;
}

// The first two bytes and the last of an IPv6 address: fd09::5.
void put_address(std::vector<u8>& out, u8 second, u8 last) {
  out.insert(out.end(), {0xfd, second});
  out.insert(out.end(), 13, 0);
  out.push_back(last);
}

}  // namespace

std::vector<u8> ipv4_frame(const std::string& interface, u32 address) {
  std::vector<u8> packet = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, IPPROTO_UDP, 0, 0, 10, 8, 0, 1};
  for (const u32 shift : {24u, 16u, 8u, 0u})
    packet.push_back(static_cast<u8>(address >> shift));
  u32 sum = 0;
  for (std::size_t i = 0; i < packet.size(); i += 2)
    sum += u32{packet[i]} << 8 | packet[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~(sum + (sum >> 16));
  packet[10] = static_cast<u8>(sum >> 8);
  packet[11] = static_cast<u8>(sum);
  packet.insert(packet.end(), {0, 9, 0, 9, 0, 8, 0, 0});  // UDP from and to port 9, no checksum
  std::vector<u8> frame = frame_to(interface, 0x0800);
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

std::vector<u8> segment_frame(const std::string& interface) {
  constexpr u8 kRouting = 43, kNothing = 59, kSegments = 4;
  std::vector<u8> frame = frame_to(interface, 0x86dd);
  frame.insert(frame.end(), {0x60, 0, 0, 0, 0, 40, kRouting, 64});
  put_address(frame, 8, 1);  // from
  put_address(frame, 9, 5);  // to
  // Its length is in units of 8 bytes after the first; one segment is left, the last is number 1.
  frame.insert(frame.end(), {kNothing, 4, kSegments, 1, 1, 0, 0, 0});
  put_address(frame, 10, 1);  // segment 0, the destination
  put_address(frame, 9, 5);
  return frame;
}

int add_action_filter(const std::string& interface, int classifier, int action) {
  constexpr u16 kKind = 1, kOptions = 2;                            // TCA_*, TCA_ACT_*
  constexpr u16 kBpfAction = 1, kBpfFd = 6, kBpfName = 7;           // TCA_BPF_*
  constexpr u16 kActionParms = 2, kActionFd = 5, kActionName = 6;   // TCA_ACT_BPF_*
  constexpr u32 kClsactIngress = 0xfffffff2, kAnyProtocol = 0x300;  // ETH_P_ALL, big-endian
  NetlinkWriter out(NetlinkType::new_filter,
                    kNetlinkRequest | kNetlinkAck | kNetlinkCreate | kNetlinkExclusive);
  // struct tcmsg: family, index, handle, parent, priority and protocol
  out.put(u32{0}).put(index_of(interface)).put(u32{0}).put(kClsactIngress);
  out.put(u32{1} << 16 | kAnyProtocol);
  out.text(kKind, "bpf").begin(kOptions).begin(kBpfAction).begin(1).text(kKind, "bpf");
  struct {
    u32 index, capabilities;
    int action, references, bound;
  } const parms = {0, 0, 0, 0, 0};  // struct tc_act_bpf
  out.begin(kOptions).number(kActionParms, parms).number(kActionFd, action);
  out.text(kActionName, "action").end().end().end();
  out.number(kBpfFd, classifier).text(kBpfName, "classifier").end();
  return talk(out.finish());
}

bool has_clsact(const std::string& interface) {
  NetlinkWriter out(static_cast<NetlinkType>(38), kNetlinkRequest | kNetlinkDump);  // RTM_GETQDISC
  out.put(u32{0}).put(index_of(interface)).put(u32{0}).put(u32{0}).put(u32{0});
  std::vector<bpf::NetlinkType> types;
  std::vector<std::byte> bodies;
  REQUIRE(talk(out.finish(), &types, &bodies) == 0);
  const std::string_view text(reinterpret_cast<const char*>(bodies.data()), bodies.size());
  return text.find("clsact") != std::string_view::npos;
}

}  // namespace bpfld::test
