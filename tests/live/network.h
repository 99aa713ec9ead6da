// SPDX-License-Identifier: Apache-2.0
// A network of the test's own: a namespace with a pair of connected interfaces, made and configured
// over netlink because the smallest guest has no ip(8). It ends with the namespace, and nothing of
// it touches the machine's interfaces.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/int.h"

namespace bpfld::test {

// handle: this process is in a namespace of its own until the end of the scope; `lo` is up.
class OwnNetwork {
 public:
  OwnNetwork();
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;
  ~OwnNetwork();

 private:
  UniqueFd outside_;
};

// Makes two interfaces, "va" and "vb", connected and up. `kind`: veth or netkit. The errno, or 0.
int make_pair(const std::string& kind);
// An IPv4 address, "10.9.0.1" as 0x0a090001, with a route to its /24.
int add_address(const std::string& interface, u32 address);
// Sends frames of the EtherType for experiments, 0x88b5, out of the interface.
void send_frames(const std::string& interface, u32 count);
// Bytes that are a whole frame, from the destination's address on.
void send_frame(const std::string& interface, const std::vector<u8>& frame);
// The six bytes of the interface's address.
std::vector<u8> hardware_address(const std::string& interface);
u32 interface_index(const std::string& interface);

// An IPv4 packet from 10.8.0.1 to `address`, and an IPv6 packet from fd08::1 by way of fd09::5 to
// fd0a::1 (a segment routing header that is at its first segment), as frames for `interface`, whose
// peer sends them.
std::vector<u8> ipv4_frame(const std::string& interface, u32 address);
std::vector<u8> segment_frame(const std::string& interface);
// A filter of the interface's clsact qdisc, on what comes in: `classifier` decides which packets
// `action` runs for. Both are fds of programs. The errno, or 0.
int add_action_filter(const std::string& interface, int classifier, int action);

// What the kernel has at the interface, to see that nothing remains.
bool has_clsact(const std::string& interface);

}  // namespace bpfld::test
