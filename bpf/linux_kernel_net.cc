// SPDX-License-Identifier: Apache-2.0
// Files, packet sockets, socket options, and one netlink socket per request; see netlink.h for what
// goes through it.
#include "bpf/linux_kernel_net.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/escape.h"
#include "base/fd.h"
#include "bpf/netlink.h"

namespace bpfld::bpf {
namespace {

// Not in every C library's headers; asm-generic/socket.h.
constexpr int kAttachBpf = 50;        // SO_ATTACH_BPF
constexpr int kDetachFilter = 27;     // SO_DETACH_FILTER
constexpr int kAttachReuseport = 52;  // SO_ATTACH_REUSEPORT_EBPF
constexpr int kDetachReuseport = 68;  // SO_DETACH_REUSEPORT_BPF, since v5.3
constexpr u16 kEthAllNetworkOrder = kHostOrder == ByteOrder::little ? 0x0300 : 0x0003;

constexpr std::size_t kReceiveSize = 64u << 10;
constexpr int kMostMessages = 4096;  // of one answer; a dump of more filters is a "yes" anyway

struct Net {
  const Request& request;

  Result<Reply> refused() const { return fail_errno(errno, "{}", call_name(request)); }
  static Reply fd(UniqueFd owned) {
    Reply reply;
    reply.value = owned.release();
    return reply;
  }

  Result<Reply> operator()(const OpenPath& r) const {
    UniqueFd file(::open(r.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail_errno(errno, "open {}", escape_terminal(r.path));
    return fd(std::move(file));
  }
  Result<Reply> operator()(const PacketSocketOpen& r) const {
    // Without a protocol it hears nothing before it is bound: no packet of another interface.
    UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!socket) return refused();
    // Nobody reads it: what the filter lets through should not pile up.
    const int smallest = 0;
    static_cast<void>(
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest));
    sockaddr_ll address = {};
    address.sll_family = AF_PACKET;
    address.sll_protocol = kEthAllNetworkOrder;
    address.sll_ifindex = static_cast<int>(r.interface);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return refused();
    return fd(std::move(socket));
  }
  Result<Reply> operator()(const SocketTake& r) const {
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, r.pid, 0)));
    if (!process) return fail_errno(errno, "pidfd_open({})", r.pid);
    UniqueFd taken(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), r.fd, 0)));
    if (!taken) return fail_errno(errno, "pidfd_getfd(process {}, fd {})", r.pid, r.fd);
    return fd(std::move(taken));
  }
  Result<Reply> operator()(const SocketSetBpf& r) const {
    const int option = r.kind == SocketProgram::filter ? kAttachBpf : kAttachReuseport;
    const int program = r.program.get();
    if (::setsockopt(r.socket.get(), SOL_SOCKET, option, &program, sizeof program) != 0)
      return refused();
    return Reply{};
  }
  Result<Reply> operator()(const SocketUnsetBpf& r) const {
    const int option = r.kind == SocketProgram::filter ? kDetachFilter : kDetachReuseport;
    const int unused = 0;
    if (::setsockopt(r.socket.get(), SOL_SOCKET, option, &unused, sizeof unused) != 0)
      return refused();
    return Reply{};
  }

  // Sends one message and collects what comes back: the bodies of all messages but the
  // acknowledgement. `bytes` is what they lie in.
  Result<std::vector<NetlinkMessage>> talk(const std::vector<std::byte>& message,
                                           std::vector<std::vector<std::byte>>& bytes) const {
    const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket) return fail_errno(errno, "{}", call_name(request));
    const int on = 1;
    static_cast<void>(::setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on));
    if (::send(socket.get(), message.data(), message.size(), 0) < 0)
      return fail_errno(errno, "{}", call_name(request));
    std::vector<NetlinkMessage> out;
    for (int i = 0; i < kMostMessages; i++) {
      bytes.emplace_back(kReceiveSize);
      const ssize_t got = ::recv(socket.get(), bytes.back().data(), kReceiveSize, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return fail_errno(got < 0 ? errno : EIO, "{}", call_name(request));
      bytes.back().resize(static_cast<std::size_t>(got));
      bytes.back().shrink_to_fit();
      for (const NetlinkMessage& one : TRY(split_netlink(bytes.back()))) {
        if (one.type == NetlinkType::done) return out;
        if (one.type != NetlinkType::error) {
          out.push_back(one);
          continue;
        }
        const NetlinkError error = read_netlink_error(one);
        if (error.errno_value == 0) return out;
        if (error.text.empty()) return fail_errno(error.errno_value, "{}", call_name(request));
        return fail_errno(error.errno_value, "{}: {}", call_name(request),
                          escape_terminal(error.text));
      }
    }
    return out;
  }

  Result<Reply> netlink() const {
    std::vector<std::vector<std::byte>> bytes;
    const std::vector<NetlinkMessage> messages = TRY(talk(encode_netlink(request), bytes));
    Reply reply;
    if (!messages.empty())
      reply.data.assign(messages.front().body.begin(), messages.front().body.end());
    return reply;
  }

  Result<Reply> operator()(const ClsactAdd&) const {
    Result<Reply> reply = netlink();
    if (reply) reply->value = 1;
    if (!reply && reply.error().errno_value == EEXIST) return Reply{};
    return reply;
  }
  Result<Reply> operator()(const ClsactDelete& r) const {
    for (bool egress : {false, true}) {
      std::vector<std::vector<std::byte>> bytes;
      if (!TRY(talk(encode_filter_dump(r.interface, egress), bytes)).empty()) return Reply{};
    }
    Result<Reply> reply = netlink();
    if (reply) reply->value = 1;
    return reply;
  }
  Result<Reply> operator()(const FilterAdd& r) const {
    std::vector<std::vector<std::byte>> bytes;
    Reply reply;
    reply.value = static_cast<i64>(u64{r.place.priority} << 32 | r.place.handle);
    for (const NetlinkMessage& one : TRY(talk(encode_netlink(request), bytes)))
      if (one.type == NetlinkType::new_filter) reply.value = TRY(read_filter_echo(one));
    return reply;
  }
  Result<Reply> operator()(const FilterDelete&) const { return netlink(); }
  Result<Reply> operator()(const XdpQuery&) const { return netlink(); }
  Result<Reply> operator()(const RouteAdd&) const { return netlink(); }
  Result<Reply> operator()(const RouteDelete&) const { return netlink(); }

  template <typename Other>
  Result<Reply> operator()(const Other&) const {
    return fail(Code::internal, "{} goes another way", call_name(request));
  }
};

}  // namespace

Result<Reply> call_net(const Request& request) {
  return std::visit(Net{request}, request);
}

}  // namespace bpfld::bpf
