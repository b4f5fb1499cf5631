import EmberCUDA
public import EmberRuntime

/// A kernel of the user's own, from CUDA C++ source; compiled when it first runs on a kind of device.
///
/// The source may use what the project's kernels use (`f32`, `bf16`, `load`, `store<T>`, …; `Sources/CCUDA/kernels/prelude.cuh`). Parameters are, in
/// this order, a pointer for each input, a pointer for each result, and the numbers.
///
/// ```swift
/// let saxpy = CUDAKernel("saxpy", source: """
///   __global__ void saxpy(const f32 *x, const f32 *y, f32 *z, f32 a, i64 count) {
///     const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
///     if (i < count) z[i] = a * x[i] + y[i];
///   }
///   """)
/// let z = saxpy([x, y], results: [(x.shape, .float32)], numbers: [.float32(2), .int64(x.elementCount)], blocks: (n + 255) / 256, threads: 256)[0]
/// ```
///
/// To differentiate through it, call it in the `forward` of an operation (`UnaryOperation` and its kin).
public struct CUDAKernel: Sendable {
  /// A number as the kernel's parameter has it.
  public enum Number: Sendable {
    case int32(Int)
    case int64(Int)
    case float32(Double)
    case float64(Double)
  }

  /// The function's name; of a template, with its arguments: `scale<bf16>`.
  public let name: String
  public let source: String

  public init(_ name: String, source: String) {
    self.name = name
    self.source = source
  }

  /// Runs the kernel on the inputs' device, on dense copies of those that are not dense. Results begin with arbitrary contents.
  ///
  /// A source that does not compile is an `.unsupported` error with the compiler's words.
  public func callAsFunction(
    _ inputs: [Tensor], results: [(shape: Shape, dtype: DType)], numbers: [Number] = [], blocks: Int, threads: Int, sharedBytes: Int = 0
  ) -> [Tensor] {
    compose(name, count: results.count, inputs) { () throws(EmberError) in
      guard let first = inputs.first, let backend = first.backend as? CUDABackend else {
        throw EmberError(.device, in: name, "a CUDA kernel takes tensors on an NVIDIA GPU, at least one; move them with .to(.cuda)")
      }
      for input in inputs { try checkDevices(name, first, input) }
      guard blocks >= 0, threads > 0, threads <= 1024 else {
        throw EmberError(.value, in: name, "\(blocks) blocks of \(threads) threads; a block has 1 to 1024")
      }
      var operands: [Tensor] = []
      for input in inputs { operands.append(try input.dense()) }
      var outputs: [Tensor] = []
      for result in results { outputs.append(try Tensor.empty(shape: result.shape, dtype: result.dtype, like: first)) }
      backend.launch(source: source, kernel: name, blocks: blocks, threads: threads, sharedBytes: sharedBytes) { arguments in
        for tensor in operands + outputs { arguments.add(tensor.operand.pointer) }
        for number in numbers {
          switch number {
          case .int32(let value): arguments.add(Int32(truncatingIfNeeded: value))
          case .int64(let value): arguments.add(Int64(value))
          case .float32(let value): arguments.add(Float(value))
          case .float64(let value): arguments.add(value)
          }
        }
      }
      withExtendedLifetime(operands) {}
      return outputs
    }
  }
}
