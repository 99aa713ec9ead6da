// SPDX-License-Identifier: Apache-2.0
// Ends of verifier logs, as kernels from 5.10 to 7.3 write them, and what is read out of them.
#include "cli/verifier.h"

#include <doctest/doctest.h>

using namespace bpfld;
using namespace bpfld::cli;

TEST_CASE("verifier: the sentence, the instruction and the source line, with its place") {
  const Verdict verdict = read_verifier_log(
      "0: R1=ctx() R10=fp0\n"
      "; __u32 pid = bpf_get_current_pid_tgid() >> 32; @ null.bpf.c:17\n"
      "0: (85) call bpf_get_current_pid_tgid#14      ; R0=scalar()\n"
      "6: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=counts,ks=4,vs=8)\n"
      "; *count += 1;  // refused: count may be NULL @ null.bpf.c:20\n"
      "8: (79) r1 = *(u64 *)(r0 +0)\n"
      "R0 invalid mem access 'map_value_or_null'\n"
      "processed 8 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 "
      "mark_read 0\n");
  CHECK(verdict.reason == "R0 invalid mem access 'map_value_or_null'");
  CHECK(verdict.insn == "8: (79) r1 = *(u64 *)(r0 +0)");
  CHECK(verdict.insn_index == 8);
  CHECK(verdict.source == "*count += 1;  // refused: count may be NULL");
  CHECK(verdict.file == "null.bpf.c");
  CHECK(verdict.line == 20);
  CHECK(verdict.processed == 8);
  REQUIRE(find_advice(verdict.reason) != nullptr);
  CHECK(find_advice(verdict.reason)->hint == "test it first: if (!p) return 0;");
}

TEST_CASE("verifier: kernels before 6.8 do not say where a source line is") {
  const Verdict verdict = read_verifier_log(
      "; *count += 1;\n"
      "8: (79) r1 = *(u64 *)(r0 +0)\n"
      " R0=map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0) R10=fp0 fp-8=mmmm????\n"
      "R0 invalid mem access 'map_value_or_null'\n"
      "processed 9 insns (limit 1000000) max_states_per_insn 0\n");
  CHECK(verdict.source == "*count += 1;");
  CHECK(verdict.file.empty());
  CHECK(verdict.line == 0);
  CHECK(verdict.insn_index == 8);
  CHECK(verdict.reason == "R0 invalid mem access 'map_value_or_null'");
}

TEST_CASE("verifier: a program without source lines still has its instruction") {
  const Verdict verdict = read_verifier_log(
      "0: R1=ctx() R10=fp0\n"
      "0: (95) exit\n"
      "R0 !read_ok\n"
      "processed 1 insns (limit 1000000)\n");
  CHECK(verdict.reason == "R0 !read_ok");
  CHECK(verdict.insn == "0: (95) exit");
  CHECK(verdict.source.empty());
}

TEST_CASE("verifier: states after the sentence are not the sentence") {
  const Verdict verdict = read_verifier_log(
      "; while (n) @ loop.bpf.c:2\n"
      "9: (55) if r2 != 0x0 goto pc-5        ; R2=5\n"
      "5: (79) r2 = *(u64 *)(r10 -8)\n"
      "infinite loop detected at insn 6\n"
      "cur state: R1=5 R2=5 R10=fp0 fp-8=5\n"
      "old state: R1=P5 R2=P5 R10=fp0 fp-8=5\n"
      "processed 22 insns (limit 1000000)\n");
  CHECK(verdict.reason == "infinite loop detected at insn 6");
  CHECK(verdict.insn == "5: (79) r2 = *(u64 *)(r10 -8)");
}

TEST_CASE("verifier: in a subprogram the last source line is the subprogram's") {
  const Verdict verdict = read_verifier_log(
      "; return f((int *)ctx[1]); @ sub.bpf.c:3\n"
      "0: (79) r1 = *(u64 *)(r1 +8)          ; R1=scalar()\n"
      "1: (85) call pc+1\n"
      "caller:\n"
      " R10=fp0\n"
      "callee:\n"
      " frame1: R1=scalar() R10=fp0\n"
      "3: frame1: R1=scalar() R10=fp0\n"
      "; return *x; @ sub.bpf.c:2\n"
      "3: (61) r0 = *(u32 *)(r1 +0)\n"
      "R1 invalid mem access 'scalar'\n"
      "processed 3 insns (limit 1000000)\n");
  CHECK(verdict.reason == "R1 invalid mem access 'scalar'");
  CHECK(verdict.line == 2);
  CHECK(verdict.insn_index == 3);
}

TEST_CASE("verifier: refusals before the first instruction is looked at") {
  CHECK(read_verifier_log("back-edge from insn 9 to 5\n").reason == "back-edge from insn 9 to 5");
  const Verdict verdict =
      read_verifier_log("jump out of range from insn 1 to 7\nprocessed 0 insns (limit 1000000)\n");
  CHECK(verdict.reason == "jump out of range from insn 1 to 7");
  CHECK(!verdict.insn_index);
  CHECK(verdict.processed == 0);
}

TEST_CASE("verifier: a program that is too large") {
  const Verdict verdict = read_verifier_log(
      "6: (07) r1 += 1                       ; R1=0x22e09\n"
      "7: (15) if r1 == 0x1e8480 goto pc+1   ; R1=0x22e09\n"
      "BPF program is too large. Processed 1000001 insn\n"
      "processed 1000001 insns (limit 1000000) max_states_per_insn 4 total_states 14287\n");
  CHECK(verdict.reason == "BPF program is too large. Processed 1000001 insn");
  CHECK(verdict.processed == 1000001);
  REQUIRE(find_advice(verdict.reason) != nullptr);
}

TEST_CASE("verifier: the report of newer kernels gives its reason and its suggestion") {
  const Verdict verdict = read_verifier_log(
      "0: R1=ctx() R10=fp0\n"
      "0: (95) exit\n"
      "R0 !read_ok\n"
      "\n"
      "Verification failed: Register Type Safety: Unreadable register\n"
      "\n"
      "Reason:\n"
      "  R0 was never initialized on this path,\n"
      "  so it cannot be an input.\n"
      "\n"
      "At:\n"
      "  insn 0\n"
      "        | ^-- error: R0 is not readable\n"
      "\n"
      "Causal path:\n"
      "  no retained diagnostic events on this path\n"
      "\n"
      "Suggestion:\n"
      "  Initialize R0 on every path.\n"
      "\n"
      "processed 1 insns (limit 1000000)\n");
  CHECK(verdict.reason == "R0 !read_ok");
  CHECK(verdict.title == "Register Type Safety: Unreadable register");
  CHECK(verdict.explanation == "R0 was never initialized on this path, so it cannot be an input.");
  CHECK(verdict.suggestion == "Initialize R0 on every path.");
  CHECK(verdict.insn_index == 0);
  CHECK(verdict.processed == 1);
}

TEST_CASE("verifier: a report without an old sentence speaks by its reason") {
  const Verdict verdict = read_verifier_log(
      "Verification failed: Loops\nReason:\n  It does not end.\n\nSuggestion:\n  Bound it.\n");
  CHECK(verdict.reason == "It does not end.");
  CHECK(verdict.suggestion == "Bound it.");
}

TEST_CASE("verifier: nothing, blank lines, and text without an end are no trouble") {
  CHECK(read_verifier_log("") == Verdict{});
  CHECK(read_verifier_log("\n\n\n") == Verdict{});
  CHECK(read_verifier_log("; ").source.empty());
  CHECK(read_verifier_log(";").source.empty());
  CHECK(read_verifier_log("99999999999999999999: (95) exit").insn.empty());
  CHECK(read_verifier_log("Verification failed").reason.empty());
  CHECK(read_verifier_log("; a @ b:99999999999\n").line == 0);
}

TEST_CASE("verifier: patterns of advice match in order and only whole parts") {
  CHECK(find_advice("R3 invalid mem access 'mem_or_null'") != nullptr);
  CHECK(find_advice("R3 invalid mem access 'mem'") == nullptr);
  CHECK(find_advice("a sentence that nobody knows") == nullptr);
  CHECK(find_advice("") == nullptr);
}

TEST_CASE("verifier: every row of advice can be reached, and says why") {
  for (const VerifierAdvice& row : verifier_advice_rows()) {
    CAPTURE(row.pattern);
    std::string sentence(row.pattern);
    for (char& c : sentence)
      if (c == '*') c = ' ';
    CHECK(find_advice(sentence) == &row);
    CHECK_FALSE(row.why.empty());
  }
}

TEST_CASE("verifier: particular sentences are advised on before general ones") {
  const auto why = [](std::string_view reason) {
    const VerifierAdvice* row = find_advice(reason);
    return row == nullptr ? std::string_view() : row->why;
  };
  CHECK(why("R1 type=sock_or_null expected=sock_common, sock, ptr_").find("NULL") !=
        std::string_view::npos);
  CHECK(why("R2 invalid mem access 'trusted_ptr_or_null_'").find("NULL") != std::string_view::npos);
  CHECK(why("math between map_value pointer and register with unbounded min value is not allowed")
            .starts_with("the verifier knows no limit"));
  CHECK(why("math between fp pointer and 2147483647 is not allowed").starts_with("so far"));
  CHECK(why("R1 type=scalar expected=ptr_, trusted_ptr_").starts_with("a number"));
  CHECK(why("R1 type=ctx expected=fp").empty());
  CHECK(why("R2 !read_ok").find("call") != std::string_view::npos);
  CHECK(why("R1 unbounded memory access").starts_with("the verifier knows no limit"));
  CHECK(why("invalid indirect read from stack R1 off -24+0 size 16").find("padding") !=
        std::string_view::npos);
  CHECK(why("BPF_LDX uses reserved fields").find("newer") != std::string_view::npos);
  CHECK(why("BPF_CALL uses reserved fields").find("kfuncs") != std::string_view::npos);
  CHECK(
      why("Cannot access kernel 'struct cgroup' from non-GPL compatible program").find("license") !=
      std::string_view::npos);
}

TEST_CASE("verifier: the statistics at the end of a log of level 4") {
  const VerifierStats stats = read_verifier_stats(
      "verification time 184 usec\n"
      "stack depth 8+0\n"
      "processed 120 insns (limit 1000000) max_states_per_insn 2 total_states 30 peak_states 20 "
      "mark_read 1\n");
  CHECK(stats == VerifierStats{.processed = 120, .states = 30, .peak_states = 20, .micros = 184});
  CHECK(read_verifier_stats("") == VerifierStats{});
  CHECK(read_verifier_stats("processed \nverification time x\n") == VerifierStats{});
}

TEST_CASE("verifier: a remark about an argument is the sentence only if there is no other") {
  const std::string remark = "arg#0 reference type('UNKNOWN ') size cannot be determined: -22\n";
  CHECK(read_verifier_log(remark + "R0 invalid mem access 'map_value_or_null'\nprocessed 8 insns\n")
            .reason == "R0 invalid mem access 'map_value_or_null'");
  CHECK(read_verifier_log(remark + "processed 0 insns\n").reason + "\n" == remark);
}

TEST_CASE("verifier: 5.10 remarks on arguments that it takes, and refuses something else") {
  const std::string remarks =
      "arg#0 type is not a struct\nUnrecognized arg#0 type PTR\n"
      "func 'cong_avoid' arg0 has btf_id 2653 type STRUCT 'sock'\n";
  const std::string log = remarks + "BPF_CALL uses reserved fields\nprocessed 5 insns\n";
  CHECK(read_verifier_log(log).reason == "BPF_CALL uses reserved fields");
  CHECK(
      read_verifier_log("reg type unsupported for arg#0 function probe#28\nR0 !read_ok\n").reason ==
      "R0 !read_ok");  // 6.1
  REQUIRE(find_advice(read_verifier_log(log).reason) != nullptr);
  CHECK(find_advice(read_verifier_log(log).reason)->why.find("v5.13") != std::string::npos);
}

TEST_CASE("verifier: a log of level 4 has the sentence without the instructions") {
  CHECK(read_verifier_log("R1 invalid mem access 'scalar'\n"
                          "verification time 12 usec\nstack depth 0\n"
                          "processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 "
                          "peak_states 0 mark_read 0\n")
            .reason == "R1 invalid mem access 'scalar'");
}

TEST_CASE("verifier: what a program returns is a remark, unless nothing else is said") {
  // 6.12 says it of every program without BTF for what it returns, and goes on.
  const std::string remark =
      "Global function f() doesn't return scalar. Only those are supported.\n";
  const Verdict verdict = read_verifier_log(remark + "R0 !read_ok\nprocessed 2 insns\n");
  CHECK(verdict.reason == "R0 !read_ok");
  CHECK_FALSE(verdict.is_remark);
  const Verdict alone = read_verifier_log(remark + "processed 0 insns\n");
  CHECK(alone.reason + "\n" == remark);
  CHECK(alone.is_remark);
  CHECK_FALSE(read_verifier_log("processed 2 insns\n").is_remark);
  CHECK(read_verifier_log("insns processed 16\nprocessed 16 insns\n").reason.empty());  // 7.2
}

TEST_CASE("verifier: that an argument was wrong comes after what was wrong with it") {
  const std::string remark = "Caller passes invalid args into func#1 ('g')\n";
  CHECK(read_verifier_log("R1 type=scalar expected=fp\n" + remark).reason ==
        "R1 type=scalar expected=fp");
  CHECK(read_verifier_log(remark).is_remark);
}

TEST_CASE("verifier: what is said of global functions is no refusal, before it or after") {
  const std::string assumed = "Func#1 ('f1') is global and assumed valid.\n";
  const std::string safe = "Func#4 ('f3') is safe for any args that match its prototype\n";
  CHECK(read_verifier_log(assumed + "R2 expects pointer to ctx\n").reason ==
        "R2 expects pointer to ctx");
  CHECK(read_verifier_log("Validating f3() func#4...\n" + safe +
                          "combined stack size of 3 calls is 544. Too large\n")
            .reason == "combined stack size of 3 calls is 544. Too large");
  CHECK(read_verifier_log(assumed + safe).reason.empty());
}

TEST_CASE("verifier: a frame of calls is a state, the frame pointer is none") {
  const std::string state = "frame1: R1=scalar() R10=fp0\n";
  CHECK(read_verifier_log("5: (b7) r10 = 0\nframe pointer is read only\n" + state).reason ==
        "frame pointer is read only");
  CHECK(read_verifier_log(state).reason.empty());
}

TEST_CASE("verifier: where a loop is, is told before that it is one") {
  CHECK(
      read_verifier_log("10: for (i = 0; i < n; i++)\n6: n = f(i);\nback-edge from insn 10 to 6\n")
          .reason == "back-edge from insn 10 to 6");
}

TEST_CASE("verifier: sentences that begin where the line before has not ended") {
  const Verdict large = read_verifier_log(
      "297: (c5) if r1 s< 0x3 goto pc+341 BPF program is too large. Processed 1000001 insn\n"
      "processed 1000001 insns (limit 1000000)\n");
  CHECK(large.reason == "BPF program is too large. Processed 1000001 insn");
  CHECK(large.insn == "297: (c5) if r1 s< 0x3 goto pc+341");
  const std::string glued =
      "insn 3 cannot call exception cb directlyverification time 24 usec\nprocessed 7 insns\n";
  CHECK(
      read_verifier_log("insn 3 cannot call exception cb directlyprocessed 7 insns\n").processed ==
      7);
  CHECK(read_verifier_log(glued).reason == "insn 3 cannot call exception cb directly");
  CHECK(read_verifier_stats(glued) == VerifierStats{.processed = 7, .micros = 24});
  // The source may say the same.
  CHECK(read_verifier_log("; puts(\"verification time \"); @ a.c:1\n0: (95) exit\n").source ==
        "puts(\"verification time \");");
}
