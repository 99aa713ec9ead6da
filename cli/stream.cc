// SPDX-License-Identifier: Apache-2.0
// write(2) until all is written; see stream.h.
#include "cli/stream.h"

#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace bpfld::cli {
namespace {

constexpr std::size_t kMuch = 64u << 10;

// Waits until a stream that somebody made non-blocking takes more.
void wait_for_room(int fd) {
  pollfd entry = {.fd = fd, .events = POLLOUT, .revents = 0};
  ::poll(&entry, 1, -1);
}

}  // namespace

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
      wait_for_room(fd_);
    } else if (errno == EPIPE) {
      closed_ = true;
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  buffer_.clear();
}

bool Stream::is_terminal() const {
  return ::isatty(fd_) == 1;
}

void Streams::say(std::string_view text) {
  out.flush();
  err.write(text);
  err.flush();
}

}  // namespace bpfld::cli
