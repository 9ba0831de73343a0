"""C++ from .proto files by the system's protoc, with gRPC's plugin."""

def cc_grpc_library(name, srcs, imports = [], deps = [], **kwargs):
    """Messages and services of `srcs` as a cc_library.

    Args:
      name: of the library. Includes are relative to the package: a source
        "acme/v1/a.proto" gives "acme/v1/a.pb.h" and "acme/v1/a.grpc.pb.h".
      srcs: .proto files of this package, with every one that they import, except
        those that come with Protobuf itself, and `imports`.
      imports: .proto files of //third_party that `srcs` import.
      deps: the libraries that are made of `imports`.
      **kwargs: of the cc_library.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    generated_srcs = [stem + end for stem in stems for end in [".pb.cc", ".grpc.pb.cc"]]
    generated_hdrs = [stem + end for stem in stems for end in [".pb.h", ".grpc.pb.h"]]
    root = native.package_name()

    native.genrule(
        name = name + "_generate",
        srcs = srcs + imports,
        outs = generated_srcs + generated_hdrs,
        # RULEDIR: where this package's generated files belong.
        cmd = " ".join([
            "protoc --proto_path=" + root,
        ] + (["--proto_path=third_party"] if imports else []) + [
            "--cpp_out=$(RULEDIR)",
            "--grpc_out=$(RULEDIR)",
            "--plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin)",
        ] + ["$(location %s)" % src for src in srcs]),
        message = "Generating C++ for",
    )
    native.cc_library(
        name = name,
        srcs = generated_srcs,
        hdrs = generated_hdrs,
        # The generated code is not ours to mend. To those who include it, it is a
        # system header, so that its warnings are not theirs.
        copts = ["-w"],
        includes = ["."],
        deps = ["@grpc"] + deps,
        **kwargs
    )
