// SPDX-License-Identifier: Apache-2.0
// write(2) until all is written; see stream.h.
#include "cli/stream.h"

#include <cerrno>
#include <poll.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/stat.h>

namespace bpfld::cli {
namespace {

constexpr std::size_t kMuch = 64u << 10;

// How long somebody who wants to end waits for a reader that does not read.
constexpr int kPatienceMs = 1000;

// Waits until a stream takes more; false when it does not within that time (-1: without end).
bool wait_for_room(int fd, int timeout_ms) {
  pollfd entry = {.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&entry, 1, timeout_ms) != 0;
}

}  // namespace

Stream::Stream(int fd) : fd_(fd) {
  struct stat info = {};
  is_pipe_ = ::fstat(fd_, &info) == 0 && S_ISFIFO(info.st_mode);
}

void Stream::write(std::string_view text) {
  if (closed_ || error_ != 0) return;
  buffer_ += text;
  if (buffer_.size() >= kMuch) flush();
}

void Stream::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && !closed_ && error_ == 0) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      wait_for_room(fd_, -1);
    } else if (errno == EPIPE) {
      closed_ = true;
    } else if (errno != EINTR) {
      error_ = errno;
    } else if (!wait_for_room(fd_, kPatienceMs)) {
      closed_ = true;  // only signals that end the run have handlers
    }
  }
  buffer_.clear();
}

bool Stream::is_terminal() const {
  return ::isatty(fd_) == 1;
}

std::size_t Stream::columns() const {
  winsize size = {};
  return ::ioctl(fd_, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void Stream::look_for_reader() {
  pollfd entry = {.fd = fd_, .events = 0, .revents = 0};
  if (is_pipe_ && ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLERR) != 0) closed_ = true;
}

void Streams::say(std::string_view text) {
  out.flush();
  err.write(text);
  err.flush();
}

}  // namespace bpfld::cli
