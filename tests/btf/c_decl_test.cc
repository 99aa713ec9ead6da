// SPDX-License-Identifier: Apache-2.0
// Each kind as C, and the layouts that need attributes or padding. That compilers agree is tested
// on whole kernels, by tests/btf_c/.
#include <doctest/doctest.h>

#include "tests/btf/c_text.h"

namespace bpfld::test {
namespace {

TEST_CASE("btf c: integers are spelled as in the BTF, or by their size") {
  BtfBuilder b;
  const TypeId known = b.add_uint("long unsigned int", 8);
  const TypeId short_long = b.add_int("long int", 4);  // of a 32-bit kernel
  const TypeId odd = b.add_int("int; char evil", 2);
  const TypeId boolean = b.add_bool("boolean");
  b.add_typedef("a", known);
  b.add_typedef("b", short_long);
  b.add_typedef("c", odd);
  b.add_typedef("d", boolean);
  b.add_typedef("e", b.add_uint("u128", 16));
  b.add_typedef("f", b.add_float("long double", 16));
  b.add_typedef("g", b.add_float("double", 8));
  CHECK(c_text(b) ==
        "typedef long unsigned int a;\n\n"
        "typedef int b;\n\n"
        "typedef short c;\n\n"
        "typedef _Bool d;\n\n"
        "typedef unsigned __int128 e;\n\n"
        "typedef struct { unsigned char bytes[16]; } f;\n\n"
        "typedef double g;\n\n");
}

TEST_CASE("btf c: pointers, arrays, functions and qualifiers stand where C has them") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId character = b.add_char();
  const TypeId text = b.add_ptr(b.add_const(character));
  const TypeId proto = b.add_func_proto(text, {{"", integer}, {"", b.add_ptr({})}, {"", {}}});
  b.add_typedef("text", b.add_const(text));
  b.add_typedef("matrix", b.add_array(b.add_array(integer, integer, 3), integer, 2));
  b.add_typedef("handler", b.add_ptr(proto));
  b.add_typedef("handlers", b.add_array(b.add_const(b.add_ptr(proto)), integer, 4));
  b.add_typedef("function", proto);
  b.add_typedef("factory", b.add_ptr(b.add_func_proto(b.add_ptr(b.add_func_proto({})))));
  b.add_typedef("row", b.add_ptr(b.add_array(integer, integer, 3)));
  b.add_typedef("shared",
                b.add_restrict(b.add_volatile(b.add_ptr(b.add_type_tag("rcu", integer)))));
  b.add_typedef("frozen", b.add_const(b.add_array(b.add_const(integer), integer, 0)));
  b.add_typedef("unprototyped", b.add_ptr(b.add_func_proto({}, {{"", {}}})));
  CHECK(c_text(b) ==
        "typedef const char *const text;\n\n"
        "typedef int matrix[2][3];\n\n"
        "typedef const char *(*handler)(int, void *, ...);\n\n"
        "typedef const char *(*const handlers[4])(int, void *, ...);\n\n"
        "typedef const char *function(int, void *, ...);\n\n"
        "typedef void (*(*factory)(void))(void);\n\n"
        "typedef int (*row)[3];\n\n"
        "typedef int *volatile restrict shared;\n\n"
        "typedef const int frozen[0];\n\n"
        "typedef void (*unprototyped)();\n\n");
}

TEST_CASE("btf c: enums have their values and their size") {
  BtfBuilder b;
  b.add_enum("color", {{"RED", 0}, {"GREEN", 7}});
  b.add_enum("sign", {{"MINUS", -1}, {"PLUS", 1}}, 4, true);
  b.add_enum("tiny", {{"TINY", 255}}, 1);
  b.add_enum64("wide", {{"WIDE", -1}});
  b.add_enum64("lowest", {{"LOWEST", INT64_MIN}}, 8, true);
  b.add_enum("", {{"NAMELESS", 1}});
  b.add_enum("", {{"false", 0}, {"true", 1}});
  b.add_enum("unknown", {});
  CHECK(c_text(b) ==
        "enum color {\n\tRED = 0,\n\tGREEN = 7,\n};\n\n"
        "enum sign {\n\tMINUS = -1,\n\tPLUS = 1,\n};\n\n"
        "enum tiny {\n\tTINY = 255,\n} __attribute__((mode(QI)));\n\n"
        "enum wide {\n\tWIDE = 18446744073709551615ULL,\n} __attribute__((mode(DI)));\n\n"
        "enum lowest {\n\tLOWEST = -9223372036854775807 - 1,\n} __attribute__((mode(DI)));\n\n"
        "enum {\n\tNAMELESS = 1,\n};\n\n"
        "#if !defined(__STDC_VERSION__) || __STDC_VERSION__ < 202311L\n"
        "enum {\n\tfalse = 0,\n\ttrue = 1,\n};\n#endif\n\n"
        "enum unknown {\n\tunknown___none,\n};\n\n");
}

TEST_CASE("btf c: where no enum has a sign, values are signed, as they were before signs") {
  BtfBuilder b;
  b.add_enum("old", {{"MINUS", -1}, {"BIG", 0x80000000}});
  CHECK(c_text(b) == "enum old {\n\tMINUS = -1,\n\tBIG = -2147483648,\n};\n\n");
}

TEST_CASE("btf c: bool is a typedef only where C has no keyword of that name") {
  BtfBuilder b;
  b.add_typedef("bool", b.add_bool());
  CHECK(c_text(b) ==
        "#if !defined(__STDC_VERSION__) || __STDC_VERSION__ < 202311L\n"
        "typedef _Bool bool;\n#endif\n\n");
}

TEST_CASE("btf c: a member that C23 took the name of has another there") {
  BtfBuilder b;
  b.add_struct("value", 4, {{"bool", b.add_uint("unsigned int", 4), 0, 3}});
  CHECK(c_text(b) ==
        "struct value {\n"
        "#if !defined(__STDC_VERSION__) || __STDC_VERSION__ < 202311L\n"
        "\tunsigned int bool:3;\n#else\n\tunsigned int bool_:3;\n#endif\n};\n\n");
}

TEST_CASE("btf c: padding stands where the compiler's own is not enough") {
  BtfBuilder b;
  const TypeId character = b.add_char();
  const TypeId integer = b.add_int("int", 4);
  b.add_struct("natural", 8, {{"a", character, 0}, {"b", integer, 32}});
  b.add_struct("gap", 24, {{"a", character, 0}, {"b", integer, 128}});
  b.add_struct("only_size", 12);
  b.add_union("line", 64, {{"a", integer, 0}});
  b.add_struct("page", 8192, {{"a", integer, 0}, {"b", integer, 32768}});
  CHECK(c_text(b) ==
        "struct natural {\n\tchar a;\n\tint b;\n};\n\n"
        "struct gap {\n\tchar a;\n\tlong :56, :64;\n\tint b;\n\tlong :32;\n};\n\n"
        "struct only_size {\n\tlong :64, :32;\n};\n\n"
        "union line {\n\tint a;\n\tstruct { long :64, :64, :64, :64, :64, :64, :64, :64; };\n};\n\n"
        "struct page {\n\tint a;\n\tlong :32; unsigned char __padding_1[4088];\n\tint b;\n"
        "\tlong :32; unsigned char __padding_2[4088];\n};\n\n");
}

TEST_CASE("btf c: members at odd places, or an odd size, make a struct packed") {
  BtfBuilder b;
  const TypeId character = b.add_char();
  const TypeId integer = b.add_int("int", 4);
  const TypeId odd = b.add_struct("odd", 5, {{"a", character, 0}, {"b", integer, 8}});
  b.add_struct("size", 6, {{"a", integer, 0}, {"b", character, 40}});
  b.add_struct("holder", 8, {{"a", character, 0}, {"odd", odd, 8}});
  CHECK(c_text(b) ==
        "struct odd {\n\tchar a;\n\tint b;\n} __attribute__((packed));\n\n"
        "struct size {\n\tint a;\n\tlong :8;\n\tchar b;\n} __attribute__((packed));\n\n"
        "struct holder {\n\tchar a;\n\tstruct odd odd;\n\tlong :16;\n};\n\n");
}

TEST_CASE("btf c: bitfields keep their bits, in both encodings") {
  BtfBuilder b;
  const TypeId integer = b.add_uint("unsigned int", 4);
  const TypeId five = b.add_int_bits("unsigned int", 4, 0, 3, 5);
  const TypeId wide = b.add_uint("long unsigned int", 8);
  b.add_struct("new", 8, {{"a", integer, 0, 3}, {"b", integer, 5, 6}, {"c", integer, 32, 32}});
  b.add_struct("old", 4, {{"a", five, 0}, {"b", five, 5}});
  b.add_struct("crossing", 5, {{"a", integer, 0, 30}, {"b", integer, 30, 10}});
  b.add_struct("next_unit", 8, {{"a", integer, 0, 30}, {"b", integer, 32, 10}});
  b.add_struct("mixed", 8, {{"a", wide, 0, 40}, {"b", b.add_char(), 40}});
  CHECK(c_text(b) ==
        "struct new {\n\tunsigned int a:3;\n\tlong :2;\n\tunsigned int b:6;\n"
        "\tunsigned int c:32;\n};\n\n"
        "struct old {\n\tlong :3;\n\tunsigned int a:5;\n\tunsigned int b:5;\n};\n\n"
        "struct crossing {\n\tunsigned int a:30;\n\tunsigned int b:10;\n"
        "} __attribute__((packed));\n\n"
        "struct next_unit {\n\tunsigned int a:30;\n\tunsigned int b:10;\n};\n\n"
        "struct mixed {\n\tlong unsigned int a:40;\n\tchar b;\n};\n\n");
}

TEST_CASE("btf c: a struct that C cannot lay out keeps its size") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId overlap = b.add_struct("overlap", 8, {{"a", integer, 0}, {"b", integer, 16}});
  b.add_union("shifted", 8, {{"a", integer, 32}});
  b.add_struct("holder", 12, {{"a", integer, 0}, {"overlap", overlap, 32}});
  CHECK(c_text(b) ==
        "struct overlap {\n\tlong :64;\n};\n\n"
        "union shifted {\n\tstruct { long :64; };\n};\n\n"
        "struct holder {\n\tint a;\n\tstruct overlap overlap;\n};\n\n");
}

TEST_CASE("btf c: members in any order are written in the order of their places") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  b.add_struct("shuffled", 8, {{"b", integer, 32}, {"a", integer, 0}});
  CHECK(c_text(b) == "struct shuffled {\n\tint a;\n\tint b;\n};\n\n");
}

TEST_CASE("btf c: anonymous types are written in place") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId inner = b.add_struct("", 4, {{"x", integer, 0}});
  const TypeId either = b.add_union("", 4, {{"", inner, 0}, {"y", integer, 0}});
  const TypeId state = b.add_enum("", {{"ON", 1}});
  b.add_struct("outer", 24,
               {{"", either, 0},
                {"pair", b.add_array(inner, integer, 2), 32},
                {"next", b.add_ptr(inner), 96},
                {"state", state, 160}});
  b.add_typedef("anon_t", b.add_struct("", 0));
  CHECK(c_text(b) ==
        "struct outer {\n"
        "\tunion {\n\t\tstruct {\n\t\t\tint x;\n\t\t};\n\t\tint y;\n\t};\n"
        "\tstruct {\n\t\tint x;\n\t} pair[2];\n"
        "\tstruct {\n\t\tint x;\n\t} *next;\n"
        "\tenum {\n\t\tON = 1,\n\t} state;\n"
        "} __attribute__((packed));\n\n"
        "typedef struct {\n} anon_t;\n\n");
}

TEST_CASE("btf c: a member without a name of a struct with one becomes its members") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId flag = b.add_enum("", {{"UP", 1}});
  const TypeId tree = b.add_struct("ns_tree", 12, {{"id", integer, 0}, {"f", flag, 32}});
  b.add_struct("ns_common", 20,
               {{"", b.add_const(b.add_typedef("tree_t", tree)), 0},
                {"inum", integer, 96},
                {"", integer, 128}});
  CHECK(c_text(b) ==
        "enum anonymous_enum {\n\tUP = 1,\n};\n\n"
        "struct ns_tree {\n\tint id;\n\tenum anonymous_enum f;\n\tlong :32;\n};\n\n"
        "typedef struct ns_tree tree_t;\n\n"
        "struct ns_common {\n"
        "\tstruct {\n\t\tint id;\n\t\tenum anonymous_enum f;\n\t\tlong :32;\n\t};\n"
        "\tint inum;\n\tint unnamed_2;\n};\n\n");
}

TEST_CASE("btf c: functions for programs are weak externs behind one #ifndef") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId task = b.add_struct("task_struct", 4, {{"pid", integer, 0}});
  const TypeId number = b.add_typedef("pid_t", integer);
  const TypeId proto =
      b.add_func_proto(b.add_ptr(task), {{"pid_t", number}, {"p", b.add_ptr(task)}});
  const TypeId kfunc = b.add_func("bpf_task_get", proto);
  b.add_func("not_for_programs", proto);
  b.add_decl_tag("bpf_kfunc", kfunc);
  CHECK(c_text(b) ==
        "struct task_struct {\n\tint pid;\n};\n\n"
        "typedef int pid_t;\n\n"
        "#ifndef BPF_NO_KFUNC_PROTOTYPES\n\n"
        "extern struct task_struct *bpf_task_get(pid_t pid_t_, struct task_struct *p) "
        "__attribute__((weak, section(\".ksyms\")));\n\n"
        "#endif /* BPF_NO_KFUNC_PROTOTYPES */\n\n");
}

}  // namespace
}  // namespace bpfld::test
