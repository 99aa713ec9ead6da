// SPDX-License-Identifier: Apache-2.0
// Standard output and standard error, buffered by us. Two things decide about the ends of a stream:
// a reader that goes away (`bpfld run x.o | head -1`) is a normal end, after which nothing is
// written any more; any other failed write means that events were lost, and must become an error.
// So SIGPIPE is ignored, and each stream remembers what happened to it.
#pragma once

#include <string>
#include <string_view>

#include "base/int.h"

namespace bpfld::cli {

// handle: one standard stream; the fd is borrowed.
class Stream {
 public:
  explicit Stream(int fd);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { flush(); }

  // Appends; writes only when much has gathered.
  void write(std::string_view text);
  void flush();

  bool is_terminal() const;
  // The width of the terminal; 0 when it is none, or does not say.
  std::size_t columns() const;
  // The fd when it is a pipe, whose reader may go away while there is nothing to write; else -1.
  int pipe_fd() const { return is_pipe_ ? fd_ : -1; }
  // Looks whether the reader of a pipe is still there.
  void look_for_reader();
  // The reader has gone: the end of `| head`.
  bool closed() const { return closed_; }
  // The errno of the first write that failed in another way, 0 if none did.
  int error() const { return error_; }

 private:
  int fd_;
  bool is_pipe_ = false;
  std::string buffer_;
  bool closed_ = false;
  int error_ = 0;
};

// handle: both streams of this process. Errors are not to overtake the events before them, so
// writing to `err` flushes `out` first.
struct Streams {
  explicit Streams(int out_fd = 1, int err_fd = 2) : out(out_fd), err(err_fd) {}

  Stream out;
  Stream err;

  // Writes a message to standard error, at once.
  void say(std::string_view text);
};

}  // namespace bpfld::cli
