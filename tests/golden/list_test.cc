// SPDX-License-Identifier: Apache-2.0
// What `bpfld list` prints, for a kernel that is made up: four functions, two tracepoints.
#include <doctest/doctest.h>
#include <filesystem>

#include "tests/cli/run_bpfld.h"
#include "tests/golden/golden.h"
#include "tests/support/btf_builder.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

std::vector<std::byte> kernel_btf() {
  BtfBuilder b;
  const btf::TypeId int_ = b.add_int("int", 4);
  const btf::TypeId task = b.add_ptr(b.add_struct("task_struct", 64, {{"pid", int_, 32}}));
  const btf::TypeId sock = b.add_ptr(b.add_struct("sock", 8, {{"family", int_, 0}}));
  const btf::TypeId nothing = b.add_ptr({});
  b.add_func("tcp_v4_connect", b.add_func_proto(int_, {{"sk", sock}, {"addr_len", int_}}), 0);
  b.add_func("tcp_close", b.add_func_proto({}, {{"sk", sock}}), 0);
  b.add_func("printk", b.add_func_proto(int_, {{"level", int_}, {"", {}}}), 0);
  b.add_func("bpf_lsm_task_alloc", b.add_func_proto(int_, {{"task", task}}), 0);
  b.add_func("bpf_iter_task", b.add_func_proto(int_, {{"task", task}}), 0);
  b.add_struct("bpf_iter__task", 8, {{"task", task, 0}});
  b.add_func("__traceiter_sched_process_exec",
             b.add_func_proto(int_, {{"__data", nothing}, {"p", task}, {"old_pid", int_}}), 0);
  b.add_typedef("btf_trace_sched_process_exec",
                b.add_ptr(b.add_func_proto({}, {{"", nothing}, {"", task}, {"", int_}})));
  b.add_struct("trace_event_raw_sched_process_exec", 16, {{"pid", int_, 96}});
  const btf::TypeId ops = b.add_struct(
      "tcp_congestion_ops", 16, {{"ssthresh", b.add_ptr(b.add_func_proto(int_, {{"", sock}})), 0}});
  b.add_struct("bpf_struct_ops_tcp_congestion_ops", 24, {{"common", int_, 0}, {"data", ops, 64}});
  b.add_decl_tag("bpf_kfunc",
                 b.add_func("bpf_task_release", b.add_func_proto({}, {{"p", task}}), 0), -1);
  b.add_enum(
      "bpf_func_id",
      {{"BPF_FUNC_unspec", 0}, {"BPF_FUNC_map_lookup_elem", 1}, {"BPF_FUNC_ringbuf_output", 130}});
  return b.bytes();
}

void write_kernel(const TempFolder& folder) {
  const std::string events = folder.path() + "/tracing/events/sched/sched_process_exec";
  std::filesystem::create_directories(events);
  const auto write = [&](const std::string& name, std::string_view text) {
    folder.write(name, bytes_of(text));
  };
  folder.write("kernel.btf", kernel_btf());
  write("tracing/available_events", "sched:sched_process_exec\nirq:irq_handler_entry\n");
  write("tracing/events/sched/sched_process_exec/format",
        "name: sched_process_exec\nID: 365\nformat:\n"
        "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
        "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
        "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n"
        "\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n\nprint fmt: \"\"\n");
  write("kallsyms",
        "0 T tcp_v4_connect\n0 T tcp_close\n0 t twice\n0 t twice\n0 T printk\n0 d tcp_data\n"
        "0 t nf_hook\t[nf_tables]\n0 T __pfx_tcp_close\n");
}

class Transcript {
 public:
  explicit Transcript(const TempFolder& folder) : folder_(folder) {}
  void add(std::vector<std::string> words) {
    text_ += "$ bpfld";
    for (const std::string& word : words)
      text_ += " " + word;
    const Finished ran = run_command(std::move(words), {.folder = folder_.path()});
    text_ += "\n" + ran.out + ran.err + format("status {}\n\n", ran.status);
  }
  const std::string& text() const { return text_; }

 private:
  const TempFolder& folder_;
  std::string text_;
};

const std::vector<std::string> kSaved = {"--btf",   "kernel.btf", "--tracefs",
                                         "tracing", "--kallsyms", "kallsyms"};

std::vector<std::string> with_kernel(std::vector<std::string> words) {
  words.insert(words.end(), kSaved.begin(), kSaved.end());
  return words;
}

}  // namespace

TEST_CASE("golden: list, all kinds of a made-up kernel") {
  const TempFolder folder;
  write_kernel(folder);
  Transcript transcript(folder);
  transcript.add(with_kernel({"list", "*"}));
  transcript.add(with_kernel({"list", "*exec*", "-v"}));
  transcript.add(with_kernel({"list", "kprobe:t*", "-v"}));
  transcript.add(with_kernel({"list", "fexit:tcp_*", "-v"}));
  for (const char* kind : {"lsm", "iter", "struct_ops", "kfunc", "helper"})
    transcript.add(with_kernel({"list", kind, "-v"}));
  check_golden("list", transcript.text());
}

TEST_CASE("golden: functions and USDT probes of a program") {
  const TempFolder folder;
  std::filesystem::copy_file("fuzz/corpus/executable/probes", folder.path() + "/server");
  folder.write("text", bytes_of(std::string_view("#!/bin/sh\n")));
  Transcript transcript(folder);
  transcript.add({"list", "uprobe:./server", "-v"});
  transcript.add({"list", "uprobe:./server:m*", "-o", "json"});
  transcript.add({"list", "usdt:./server", "-v"});
  transcript.add({"list", "usdt:./server:prov:n*", "-o", "json"});
  transcript.add({"list", "usdt:./server:nothing"});
  transcript.add({"list", "uprobe:./text"});
  transcript.add({"list", "usdt:./missing"});
  check_golden("list-files", transcript.text());
}

TEST_CASE("golden: list as JSON, and what it says when nothing is there") {
  const TempFolder folder;
  write_kernel(folder);
  Transcript transcript(folder);
  transcript.add(with_kernel({"list", "*exec", "-v", "-o", "json", "--no-header"}));
  transcript.add(with_kernel({"list", "tp:sched:sched_swich"}));
  transcript.add({"list", "tp", "--btf", "kernel.btf"});
  transcript.add({"list", "fentry", "--btf", "kernel.btf"});
  transcript.add({"list", "kprob", "--btf", "kernel.btf"});
  transcript.add({"list", "kfunc", "-o", "yaml"});
  check_golden("list-json", transcript.text());
}
