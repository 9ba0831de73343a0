// Tells ThreadSanitizer what gRPC's calls order. Debian's gRPC is built without
// it, so that it does not see that the callback of an operation comes after
// what was done before the operation was started. The functions here stand
// before the library's own when symbols are looked up (ld.so(8)), and call
// those. What they cannot tell is suppressed in tsan_mutex.cc. For
// --config=tsan alone.
#include <dlfcn.h>
#include <grpc/grpc.h>

// gcc's libsanitizer, tsan/tsan_interface.h and tsan/tsan_flags.cpp.
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

extern "C" {

const char* __tsan_default_options() {
  // What gRPC allocates, copies and frees by itself.
  return "ignore_noninstrumented_modules=1";
}

// Every operation of a call begins here ...
grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops,
                                      size_t nops, void* tag, void* reserved) {
  static const auto next = reinterpret_cast<decltype(&grpc_call_start_batch)>(
      dlsym(RTLD_NEXT, "grpc_call_start_batch"));
  __tsan_release(call);
  return next(call, ops, nops, tag, reserved);
}

// ... and lets go of the call before it says that it is done.
void grpc_call_unref(grpc_call* call) {
  static const auto next = reinterpret_cast<decltype(&grpc_call_unref)>(
      dlsym(RTLD_NEXT, "grpc_call_unref"));
  __tsan_acquire(call);
  next(call);
}

}  // extern "C"
