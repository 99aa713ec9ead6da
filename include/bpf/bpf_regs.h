/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/*
 * Which register holds which argument: the PT_REGS_* macros.
 *
 * The context of a kprobe or uprobe is the struct pt_regs of the machine, and the calling
 * convention is the machine's too, so a source that reads arguments must say what it is compiled
 * for: -D__TARGET_ARCH_x86, _arm64, _riscv or _s390. (With -target bpf the compiler defines no host
 * macro.)
 *
 * Each architecture is one block of names. The struct has two spellings: the kernel's own
 * (vmlinux.h, which defines __VMLINUX_H__) and the one exported to user space by <asm/ptrace.h>,
 * which lacks the saved first syscall argument; that one is then found by CO-RE in a flavour of the
 * kernel's struct.
 *
 * Function arguments and syscall arguments differ: x86-64 `syscall` clobbers rcx, so the fourth
 * moves to r10; the others return in the register of the first argument, whose old value is kept
 * elsewhere.
 */

#if defined(__TARGET_ARCH_x86) || (!defined(__bpf__) && defined(__x86_64__))
#define ___bpf_arch_x86
#elif defined(__TARGET_ARCH_arm64) || (!defined(__bpf__) && defined(__aarch64__))
#define ___bpf_arch_arm64
#elif defined(__TARGET_ARCH_riscv) || (!defined(__bpf__) && defined(__riscv))
#define ___bpf_arch_riscv
#elif defined(__TARGET_ARCH_s390) || (!defined(__bpf__) && defined(__s390x__))
#define ___bpf_arch_s390
#else
#define ___bpf_arch_unknown
#endif

#if defined(__KERNEL__) || defined(__VMLINUX_H__)
#define ___bpf_regs_kernel
#endif

/*
 * Per architecture: ___bpf_regs_type, the struct the context is read as; ___bpf_saved_type and
 * ___bpf_sys1, where the first syscall argument is; and the members for each role.
 */
#if defined(___bpf_arch_x86)

// System V AMD64: rdi rsi rdx rcx r8 r9. The kernel's names have no `r` before the old registers.
#define ___bpf_regs_type struct pt_regs
#define ___bpf_saved_type struct pt_regs
#ifdef ___bpf_regs_kernel
#define ___bpf_arg1 di
#define ___bpf_arg2 si
#define ___bpf_arg3 dx
#define ___bpf_arg4 cx
#define ___bpf_fp bp
#define ___bpf_rc ax
#define ___bpf_sp sp
#define ___bpf_ip ip
#else
#define ___bpf_arg1 rdi
#define ___bpf_arg2 rsi
#define ___bpf_arg3 rdx
#define ___bpf_arg4 rcx
#define ___bpf_fp rbp
#define ___bpf_rc rax
#define ___bpf_sp rsp
#define ___bpf_ip rip
#endif
#define ___bpf_arg5 r8
#define ___bpf_arg6 r9
#define ___bpf_ret ___no_link_register /* the return address is on the stack */
#define ___bpf_sys1 ___bpf_arg1
#define ___bpf_sys2 ___bpf_arg2
#define ___bpf_sys3 ___bpf_arg3
#define ___bpf_sys4 r10
#define ___bpf_sys5 ___bpf_arg5
#define ___bpf_sys6 ___bpf_arg6

#elif defined(___bpf_arch_arm64)

/* AAPCS64: x0 to x7; x29 is the frame pointer, x30 the link register. */
#ifdef ___bpf_regs_kernel
#define ___bpf_regs_type struct pt_regs
#define ___bpf_saved_type struct pt_regs
#else
#define ___bpf_regs_type struct user_pt_regs
#define ___bpf_saved_type struct pt_regs___saved
struct pt_regs___saved {
  unsigned long long orig_x0;
} __attribute__((preserve_access_index));
#endif
#define ___bpf_arg1 regs[0]
#define ___bpf_arg2 regs[1]
#define ___bpf_arg3 regs[2]
#define ___bpf_arg4 regs[3]
#define ___bpf_arg5 regs[4]
#define ___bpf_arg6 regs[5]
#define ___bpf_arg7 regs[6]
#define ___bpf_arg8 regs[7]
#define ___bpf_fp regs[29]
#define ___bpf_ret regs[30]
#define ___bpf_rc regs[0]
#define ___bpf_sp sp
#define ___bpf_ip pc
#define ___bpf_sys1 orig_x0
#define ___bpf_sys2 ___bpf_arg2
#define ___bpf_sys3 ___bpf_arg3
#define ___bpf_sys4 ___bpf_arg4
#define ___bpf_sys5 ___bpf_arg5
#define ___bpf_sys6 ___bpf_arg6

#elif defined(___bpf_arch_riscv)

/* RISC-V ELF psABI: a0 to a7; s0 is the frame pointer. */
#ifdef ___bpf_regs_kernel
#define ___bpf_regs_type struct pt_regs
#define ___bpf_saved_type struct pt_regs
#define ___bpf_ip epc
#else
#define ___bpf_regs_type struct user_regs_struct
#define ___bpf_saved_type struct pt_regs___saved
struct pt_regs___saved {
  unsigned long orig_a0;
} __attribute__((preserve_access_index));
#define ___bpf_ip pc
#endif
#define ___bpf_arg1 a0
#define ___bpf_arg2 a1
#define ___bpf_arg3 a2
#define ___bpf_arg4 a3
#define ___bpf_arg5 a4
#define ___bpf_arg6 a5
#define ___bpf_arg7 a6
#define ___bpf_arg8 a7
#define ___bpf_fp s0
#define ___bpf_ret ra
#define ___bpf_rc a0
#define ___bpf_sp sp
#define ___bpf_sys1 orig_a0
#define ___bpf_sys2 a1
#define ___bpf_sys3 a2
#define ___bpf_sys4 a3
#define ___bpf_sys5 a4
#define ___bpf_sys6 a5

#elif defined(___bpf_arch_s390)

/* s390x ABI: five arguments in r2 to r6; r11 frame, r14 return address, r15 stack. */
#ifdef ___bpf_regs_kernel
#define ___bpf_regs_type struct pt_regs
#define ___bpf_saved_type struct pt_regs
#else
#define ___bpf_regs_type user_pt_regs /* a typedef without a tag in <asm/ptrace.h> */
#define ___bpf_saved_type struct pt_regs___saved
struct pt_regs___saved {
  unsigned long orig_gpr2;
} __attribute__((preserve_access_index));
#endif
#define ___bpf_arg1 gprs[2]
#define ___bpf_arg2 gprs[3]
#define ___bpf_arg3 gprs[4]
#define ___bpf_arg4 gprs[5]
#define ___bpf_arg5 gprs[6]
#define ___bpf_arg6 ___no_such_register
#define ___bpf_fp gprs[11]
#define ___bpf_ret gprs[14]
#define ___bpf_rc gprs[2]
#define ___bpf_sp gprs[15]
#define ___bpf_ip psw.addr
#define ___bpf_sys1 orig_gpr2
#define ___bpf_sys2 gprs[3]
#define ___bpf_sys3 gprs[4]
#define ___bpf_sys4 gprs[5]
#define ___bpf_sys5 gprs[6]
#define ___bpf_sys6 gprs[7]

#endif

/* Using a missing register is an error that names it: "no member named '___no_such_register'". */
#ifndef ___bpf_arg7
#define ___bpf_arg7 ___no_such_register
#define ___bpf_arg8 ___no_such_register
#endif

#if defined(___bpf_arch_unknown)

/* Only a source that uses the macros has to name its architecture. */
#define ___bpf_reg(x, role) \
  ({ _Pragma("GCC error \"define __TARGET_ARCH_x86, _arm64, _riscv or _s390\"") 0UL; })
#define ___bpf_reg_core(x, role) ___bpf_reg(x, role)
#define ___bpf_saved(x, role) ___bpf_reg(x, role)
#define ___bpf_saved_core(x, role) ___bpf_reg(x, role)

#else

/* A direct load from the context, or a probe read of a pt_regs that the context points to. */
#define ___bpf_reg(x, role) (((const ___bpf_regs_type*)(x))->___bpf_##role)
#define ___bpf_reg_core(x, role) BPF_CORE_READ((const ___bpf_regs_type*)(x), ___bpf_##role)
#define ___bpf_saved(x, role) (((const ___bpf_saved_type*)(x))->___bpf_##role)
#define ___bpf_saved_core(x, role) BPF_CORE_READ((const ___bpf_saved_type*)(x), ___bpf_##role)

#endif

/* clang-format off */
#define PT_REGS_PARM1(x) ___bpf_reg(x, arg1)
#define PT_REGS_PARM2(x) ___bpf_reg(x, arg2)
#define PT_REGS_PARM3(x) ___bpf_reg(x, arg3)
#define PT_REGS_PARM4(x) ___bpf_reg(x, arg4)
#define PT_REGS_PARM5(x) ___bpf_reg(x, arg5)
#define PT_REGS_PARM6(x) ___bpf_reg(x, arg6)
#define PT_REGS_PARM7(x) ___bpf_reg(x, arg7)
#define PT_REGS_PARM8(x) ___bpf_reg(x, arg8)
#define PT_REGS_RET(x) ___bpf_reg(x, ret)
#define PT_REGS_FP(x)  ___bpf_reg(x, fp)
#define PT_REGS_RC(x)  ___bpf_reg(x, rc)
#define PT_REGS_SP(x)  ___bpf_reg(x, sp)
#define PT_REGS_IP(x)  ___bpf_reg(x, ip)

#define PT_REGS_PARM1_CORE(x) ___bpf_reg_core(x, arg1)
#define PT_REGS_PARM2_CORE(x) ___bpf_reg_core(x, arg2)
#define PT_REGS_PARM3_CORE(x) ___bpf_reg_core(x, arg3)
#define PT_REGS_PARM4_CORE(x) ___bpf_reg_core(x, arg4)
#define PT_REGS_PARM5_CORE(x) ___bpf_reg_core(x, arg5)
#define PT_REGS_PARM6_CORE(x) ___bpf_reg_core(x, arg6)
#define PT_REGS_PARM7_CORE(x) ___bpf_reg_core(x, arg7)
#define PT_REGS_PARM8_CORE(x) ___bpf_reg_core(x, arg8)
#define PT_REGS_RET_CORE(x) ___bpf_reg_core(x, ret)
#define PT_REGS_FP_CORE(x)  ___bpf_reg_core(x, fp)
#define PT_REGS_RC_CORE(x)  ___bpf_reg_core(x, rc)
#define PT_REGS_SP_CORE(x)  ___bpf_reg_core(x, sp)
#define PT_REGS_IP_CORE(x)  ___bpf_reg_core(x, ip)

#define PT_REGS_PARM1_SYSCALL(x) ___bpf_saved(x, sys1)
#define PT_REGS_PARM2_SYSCALL(x) ___bpf_reg(x, sys2)
#define PT_REGS_PARM3_SYSCALL(x) ___bpf_reg(x, sys3)
#define PT_REGS_PARM4_SYSCALL(x) ___bpf_reg(x, sys4)
#define PT_REGS_PARM5_SYSCALL(x) ___bpf_reg(x, sys5)
#define PT_REGS_PARM6_SYSCALL(x) ___bpf_reg(x, sys6)

#define PT_REGS_PARM1_CORE_SYSCALL(x) ___bpf_saved_core(x, sys1)
#define PT_REGS_PARM2_CORE_SYSCALL(x) ___bpf_reg_core(x, sys2)
#define PT_REGS_PARM3_CORE_SYSCALL(x) ___bpf_reg_core(x, sys3)
#define PT_REGS_PARM4_CORE_SYSCALL(x) ___bpf_reg_core(x, sys4)
#define PT_REGS_PARM5_CORE_SYSCALL(x) ___bpf_reg_core(x, sys5)
#define PT_REGS_PARM6_CORE_SYSCALL(x) ___bpf_reg_core(x, sys6)
/* clang-format on */

/*
 * In a kprobe on a syscall entry function whose only argument is a pointer to the user's registers
 * (CONFIG_ARCH_HAS_SYSCALL_WRAPPER): that pointer. Read through it with the _CORE_SYSCALL forms.
 */
#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs*)PT_REGS_PARM1(ctx))

/* Where the traced function will return to; in a kretprobe, where it did. */
#if defined(___bpf_arch_x86)
#define BPF_KPROBE_READ_RET_IP(ip, ctx)                               \
  ({                                                                  \
    (ip) = 0;                                                         \
    bpf_probe_read_kernel(&(ip), sizeof(ip), (void*)PT_REGS_SP(ctx)); \
  })
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx)                                  \
  ({                                                                        \
    (ip) = 0;                                                               \
    bpf_probe_read_kernel(&(ip), sizeof(ip), (void*)(PT_REGS_SP(ctx) - 8)); \
  })
#else
#define BPF_KPROBE_READ_RET_IP(ip, ctx) ({ (ip) = PT_REGS_RET(ctx); })
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) BPF_KPROBE_READ_RET_IP(ip, ctx)
#endif
