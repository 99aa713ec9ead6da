// SPDX-License-Identifier: Apache-2.0
// Writes the seeds of fuzz/corpus/btf and fuzz/corpus/btf_ext: small valid blobs, one for each form
// that the parsers know.
//
//   write_btf_seeds fuzz/corpus
#include <cstdio>
#include <string>

#include "tests/support/btf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::BtfExtBuilder;

// One type of each kind, and the shapes that values take.
BtfBuilder every_kind() {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId c = b.add_char();
  const TypeId text = b.add_array(c, i, 16);
  const TypeId tail = b.add_array(c, i, 0);
  const TypeId colour = b.add_enum("colour", {{"red", 1}, {"green", 2}, {"blue", 4}});
  const TypeId wide = b.add_enum64("wide", {{"low", 1}, {"high", i64{1} << 40}}, 8, true);
  const TypeId d = b.add_float("double", 8);
  const TypeId either = b.add_union("", 8, {{"i", i, 0}, {"d", d, 0}});
  const TypeId port = b.add_typedef("__be16", b.add_uint("unsigned short", 2));
  const TypeId event = b.add_struct("event___v2", 52,
                                    {{"comm", text, 0},
                                     {"", either, 128},
                                     {"c", colour, 192},
                                     {"w", wide, 256},
                                     {"port", port, 320},
                                     {"n_len", c, 336},
                                     {"x", i, 352, 3},
                                     {"y", i, 355, 29},
                                     {"n", tail, 384}});
  b.add_decl_tag("bpfld:hidden", event, 2);
  const TypeId user = b.add_type_tag("user", b.add_const(b.add_volatile(c)));
  const TypeId pointer = b.add_restrict(b.add_ptr(user));
  b.add_fwd("later", true);
  b.add_func("handle", b.add_func_proto(i, {{"p", pointer}, {"", {}}}));
  const TypeId v = b.add_var("counter", i);
  b.add_datasec(".bss", 4, {{v, 0, 4}});
  return b;
}

BtfBuilder with_layout() {
  BtfBuilder b = every_kind();
  b.add_raw({.kind = 22, .vlen = 1, .tail = {1, 2, 3}});
  b.add_layout({{4, 4, 0}, {0, 4, 0}, {0, 12, 0}});
  b.header().extra_bytes = 8;
  return b;
}

BtfBuilder old_bitfields() {
  BtfBuilder b;
  const TypeId three = b.add_int_bits("u", 4, 0, 0, 3);
  b.add_struct("flags", 4, {{"a", three, 0}, {"b", three, 29}});
  b.add_struct("list_head", 16, {{"next", {4}, 0}, {"prev", {4}, 64}});
  b.add_ptr({3});
  return b;
}

bool write(const std::string& path, const std::vector<std::byte>& bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool good = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return (std::fclose(file) == 0) && good;
}

// The fuzz target's input: the size of the .BTF, the .BTF, the .BTF.ext.
std::vector<std::byte> with_ext(ByteOrder order) {
  BtfBuilder b = every_kind();
  BtfExtBuilder ext(b);
  TypeId func = {1};
  while (b.type(func).kind != static_cast<u32>(Kind::func))
    func.value++;
  ext.add_func("xdp", 0, func);
  ext.add_line("xdp", 0, "a.bpf.c", "return 2;", 3, 4);
  ext.add_line("tc", 8, "a.bpf.c", "return 0;", 7, 1);
  ext.add_core("xdp", 8, {10}, "0:1", CoreKind::field_byte_offset);
  const std::vector<std::byte> ext_bytes = ext.bytes(order);
  const std::vector<std::byte> btf_bytes = b.bytes(order);
  u32 size = static_cast<u32>(btf_bytes.size());
  if (kHostOrder == ByteOrder::big) size = swap_bytes(size);
  std::vector<std::byte> out;
  for (const Bytes part : {bytes_of(size), Bytes(btf_bytes), Bytes(ext_bytes)})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string to = argv[1];
  const bool good = write(to + "/btf/every-kind", every_kind().bytes(ByteOrder::little)) &&
                    write(to + "/btf/every-kind-big-endian", every_kind().bytes(ByteOrder::big)) &&
                    write(to + "/btf/layout", with_layout().bytes(ByteOrder::little)) &&
                    write(to + "/btf/old-bitfields", old_bitfields().bytes(ByteOrder::little)) &&
                    write(to + "/btf/empty", BtfBuilder().bytes(ByteOrder::little)) &&
                    write(to + "/btf_ext/small", with_ext(ByteOrder::little)) &&
                    write(to + "/btf_ext/small-big-endian", with_ext(ByteOrder::big));
  return good ? 0 : 1;
}
