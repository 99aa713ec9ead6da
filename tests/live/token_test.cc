// SPDX-License-Identifier: Apache-2.0
// BPF tokens: root of a user namespace, whom the kernel lets load nothing, runs an object with the
// rights that a BPF file system delegates to that namespace. The file system is opened in the
// namespace and given its options by the machine's root, as a manager of containers does it.
#include <array>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/format.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;

bool send_fd(int socket, int fd) {
  char byte = 0;
  iovec data = {&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  return ::sendmsg(socket, &message, 0) == 1;
}

// Unset when the other side had none to send.
UniqueFd receive_fd(int socket) {
  char byte = 0;
  iovec data = {&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, 0) != 1) return {};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return {};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return UniqueFd(fd);
}

// What the child does up to the command: a user namespace with a network and, when `socket` gives
// one, with the BPF file system at /sys/fs/bpf. Gives the number of the step that failed.
[[noreturn]] void become(int socket, bool mounted, const char* const* command, int output) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) ::_exit(201);
  const UniqueFd context(::fsopen("bpf", FSOPEN_CLOEXEC));
  if (!context || !send_fd(socket, context.get())) ::_exit(202);
  const UniqueFd mount = receive_fd(socket);  // by now the ids are mapped, too
  if (!mount) ::_exit(203);
  if (mounted &&
      ::move_mount(mount.get(), "", AT_FDCWD, "/sys/fs/bpf", MOVE_MOUNT_F_EMPTY_PATH) != 0)
    ::_exit(204);
  if (::dup2(output, STDOUT_FILENO) < 0 || ::dup2(output, STDERR_FILENO) < 0) ::_exit(205);
  ::execv(command[0], const_cast<char* const*>(command));  // execv(3): they are not changed
  ::_exit(206);
}

void write_file(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));  // NOLINT: open(2)
  REQUIRE_MESSAGE(
      ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()), path);
}

void delegate_all(int context) {
  for (const char* option :
       {"delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs"})
    REQUIRE(::fsconfig(context, FSCONFIG_SET_STRING, option, "any", 0) == 0);
  REQUIRE(::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0);
}

// Older kernels ignore options that they do not know.
bool skip_without_tokens() {
  const bool has_tokens = test::kernel_has("BPF_TOKEN_CREATE");
  if (!has_tokens) test::skip("token", "the kernel has none", "BPF_TOKEN_CREATE");
  return !has_tokens;
}

struct Outcome {
  int status = -1;  // of the command; what become() gives up with
  std::string output;
};

// Runs `bpfld ARGUMENTS` as root of a user namespace for which a BPF file system was mounted.
Outcome run_in_namespace(bool mounted, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {test::object_path("cli/bpfld")};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<const char*> command;
  for (const std::string& word : words)
    command.push_back(word.c_str());
  command.push_back(nullptr);

  int sockets[2], pipe[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  UniqueFd ours(sockets[0]), theirs(sockets[1]), output(pipe[0]), input(pipe[1]);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) become(theirs.get(), mounted, command.data(), input.get());
  theirs.reset();
  input.reset();
  Outcome outcome;
  if (const UniqueFd context = receive_fd(ours.get())) {
    write_file(format("/proc/{}/setgroups", child), "deny");
    write_file(format("/proc/{}/uid_map", child), "0 0 1");
    write_file(format("/proc/{}/gid_map", child), "0 0 1");
    delegate_all(context.get());
    const UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
    REQUIRE(mount);
    REQUIRE(send_fd(ours.get(), mount.get()));
  }
  ours.reset();
  char text[4096];
  for (ssize_t got = 0; (got = ::read(output.get(), text, sizeof(text))) > 0;)
    outcome.output.append(text, static_cast<std::size_t>(got));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

bool has(const Outcome& outcome, std::string_view text) {
  return outcome.output.find(text) != std::string::npos;
}

const std::vector<std::string> kRun = {
    "run",        test::object_path("fixtures/attach_network.bpf.o"),
    "--only",     "on_xdp",
    "--dev",      "lo",
    "--duration", "10ms"};

}  // namespace

TEST_CASE("live: token: what is delegated to a user namespace loads and attaches there") {
  if (skip_without_tokens()) return;
  const Outcome outcome = run_in_namespace(true, kRun);
  CHECK_MESSAGE(outcome.status == 0, outcome.output);
  CHECK_MESSAGE(has(outcome, "the BPF token of /sys/fs/bpf is used"), outcome.output);
  CHECK_MESSAGE(has(outcome, "+ on_xdp"), outcome.output);
}

TEST_CASE("live: token: without one the error says that the namespace's privileges do not count") {
  if (skip_without_tokens()) return;
  const Outcome outcome = run_in_namespace(false, kRun);
  CHECK_MESSAGE(outcome.status == 6, outcome.output);
  CHECK_MESSAGE(has(outcome, "EPERM"), outcome.output);
  CHECK_MESSAGE(has(outcome, "privileges are those of a user namespace"), outcome.output);
}

TEST_CASE("live: token: a folder that gives none is an error when it was asked for") {
  if (skip_without_tokens()) return;
  std::vector<std::string> run = kRun;
  run.insert(run.end(), {"--token", "/sys/fs"});
  const Outcome outcome = run_in_namespace(true, run);
  CHECK_MESSAGE(outcome.status == 4, outcome.output);
  CHECK_MESSAGE(
      has(outcome, "the BPF token of /sys/fs: bpf(BPF_TOKEN_CREATE): Invalid argument (EINVAL)"),
      outcome.output);
}
