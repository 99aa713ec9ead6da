// SPDX-License-Identifier: Apache-2.0
// Programs of a socket. A filter gets a packet socket of our own on an interface, and so every
// packet there; or, like a program that chooses among the sockets of a port (sk_reuseport), it goes
// to a socket that another process has open: a loader has no such socket of its own to offer.
#include <charconv>

#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

bool is_filter(const ProgramSpec& program) {
  return program.row->type == bpf::ProgType::socket_filter;
}

bool names_a_socket(const AttachTarget& target) {
  return target.has("pid") && target.has("fd");
}

u32 number_of(const AttachTarget& target, std::string_view option) {
  u32 number = 0;
  if (const std::string* text = target.option(option))
    std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace

std::optional<Error> socket_problem(const AttachSite& site, const KernelProfile& profile) {
  if (names_a_socket(site.target)) return std::nullopt;
  if (site.target.place.empty())
    return fail(Code::not_found, "a socket is pid=N,fd=N: both").error();
  if (!is_filter(site.program))
    return fail(
               Code::unsupported,
               "sk_reuseport programs choose among sockets that share a port, and an interface has "
               "none: name one of them, socket:pid=N,fd=N")
        .error();
  return interface_problem(site.target.place, profile);
}

void attach_socket(Attachment& attachment) {
  const AttachTarget& target = attachment.target;
  const u32 socket = attachment.new_slot();
  const bool filter = is_filter(attachment.program);
  if (names_a_socket(target)) {
    const u32 pid = number_of(target, "pid"), fd = number_of(target, "fd");
    attachment.out.how = format("attached to socket {} of process {}{}", fd, pid,
                                filter ? "" : " and those that share its port");
    attachment.out.remains = format("the program, as long as process {} has the socket", pid);
    attachment.add(bpf::SocketTake{.pid = pid, .fd = fd}, socket);
  } else {
    attachment.out.how = format("packet socket on {}", escape_terminal(target.place));
    attachment.add(bpf::PacketSocketOpen{.interface = attachment.interface_index()}, socket);
  }
  attachment.add(bpf::SocketSetBpf{
      .socket = bpf::Fd::slot(socket),
      .program = attachment.program_fd,
      .kind = filter ? bpf::SocketProgram::filter : bpf::SocketProgram::reuseport});
}

}  // namespace bpfld::loader
