import CCUDA
import EmberRuntime

/// A file of kernels.
package enum KernelSource: UInt8, CaseIterable {
  case copy
  case matrix
  case attention
  case alignments
  case bags
  case classLoss
  case convolution
  case decoding
  case distances
  case distinct
  case factorizations
  case folding
  case fourier
  case histograms
  case indexing
  case masks
  case normalization
  case optimizer
  case pooling
  case random
  case ranges
  case ranks
  case recurrence
  case reduce
  case resampling
  case rowProduct
  case scan
  case segments
  case softmax
  case sort
  case spectra

  /// The files that make up what is compiled, in order.
  var files: [String] {
    switch self {
    case .matrix: ["prelude", "complex", "numeric", "matrix"]
    case .rowProduct: ["prelude", "complex", "numeric", "matrix", "row_product"]
    case .factorizations: ["prelude", "complex", "factorizations"]
    case .spectra: ["prelude", "complex", "factorizations", "spectra"]
    case .ranks: ["prelude", "sort", "ranks"]
    case .distinct: ["prelude", "sort", "distinct"]
    case .scan: ["prelude", "reduce", "scan"]
    case .softmax: ["prelude", "reduce", "softmax"]
    case .attention: ["prelude", "tensor_cores", "attention"]
    case .classLoss: ["prelude", "class_loss"]
    default: ["prelude", "\(self)"]
    }
  }

  var text: String { Self.text(of: files) }

  static func text(of files: [String]) -> String {
    files.map { file in
      guard let text = ember_cuda_source(file) else { preconditionFailure("no kernel source \(file)") }
      return "#line 1 \"\(file).cuh\"\n" + String(cString: text)
    }.joined(separator: "\n")
  }
}

/// An argument of a kernel template.
package enum TemplateArgument: Hashable {
  case type(DType)
  /// The type that a dtype is computed in: `f32` for bfloat16.
  case compute(DType)
  case number(Int)
  case flag(Bool)
  case name(StaticString)

  var text: String {
    switch self {
    case .type(let dtype): dtype.kernelName
    case .compute(let dtype): ComputeType(dtype).dtype.kernelName
    case .number(let n): String(n)
    case .flag(let flag): flag ? "true" : "false"
    case .name(let name): "\(name)"
    }
  }

  /// Names are equal if they are the same literal.
  package static func == (a: TemplateArgument, b: TemplateArgument) -> Bool {
    switch (a, b) {
    case (.type(let x), .type(let y)), (.compute(let x), .compute(let y)): x == y
    case (.number(let x), .number(let y)): x == y
    case (.flag(let x), .flag(let y)): x == y
    case (.name(let x), .name(let y)): x.utf8Start == y.utf8Start
    default: false
    }
  }

  package func hash(into hasher: inout Hasher) {
    switch self {
    case .type(let dtype): hasher.combine(dtype)
    case .compute(let dtype): hasher.combine(dtype.rawValue)
    case .number(let number): hasher.combine(number)
    case .flag(let flag): hasher.combine(flag)
    case .name(let name): hasher.combine(name.utf8Start)
    }
  }
}

extension DType {
  /// What the kernels call this type.
  package var kernelName: String {
    switch self {
    case .bool: "bool"
    case .uint8: "u8"
    case .int8: "i8"
    case .int16: "i16"
    case .int32: "i32"
    case .int64: "i64"
    case .float16: "f16"
    case .bfloat16: "bf16"
    case .float32: "f32"
    case .float64: "f64"
    case .complex64: "c64"
    case .complex128: "c128"
    case .uint16: "u16"
    case .uint32: "u32"
    case .uint64: "u64"
    case .float8e4m3fn: "e4m3fn"
    case .float8e5m2: "e5m2"
    case .float8e4m3fnuz: "e4m3fnuz"
    case .float8e5m2fnuz: "e5m2fnuz"
    case .complex32: "c32"
    }
  }
}
