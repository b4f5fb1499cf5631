import EmberFormats
import EmberRuntime
import EmberSparse
import EmberTensor

/// What a case computed, by the names under which it is dumped: `<case id>/out/<i>`, `<case id>/grad/<path>`, ….
///
/// Safetensors knows neither numbers nor 128-bit complex elements. A number is written as a tensor without dimensions, a complex128
/// tensor as float64 with a last dimension of real and imaginary part (complex32 as float16 likewise), a sparse tensor dense; what
/// it was stands in `notes`, and so does a result that is no number.
public struct Computed: Sendable {
  public private(set) var tensors: [(name: String, tensor: Tensor)] = []
  public private(set) var notes: [(name: String, text: String)] = []

  public init() {}

  public mutating func add(_ name: String, _ tensor: Tensor) {
    let pairs: DType? = tensor.dtype == .complex128 ? .float64 : tensor.dtype == .complex32 ? .float16 : nil
    guard let pairs else {
      tensors.append((name, tensor.detach()))
      return
    }
    notes.append((name, "\(tensor.dtype)"))
    guard let parts = try? catchingErrors({ tensor.detach().to(.complex128).viewAsReal().to(pairs) }) else { return }
    tensors.append((name, parts))
  }

  mutating func add(_ name: String, _ value: OperatorValue) {
    switch value {
    case .tensor(let tensor): add(name, tensor)
    case .bool(let flag): tensors.append((name, Tensor(Scalar.bool(flag))))
    case .integer(let number): tensors.append((name, Tensor(Scalar.integer(Int64(number)))))
    case .real(let number): tensors.append((name, Tensor.full([], .real(number), dtype: .float64)))
    case .complex(let real, let imaginary): add(name, Tensor.full([], .complex(real, imaginary), dtype: .complex128))
    case .opaque(let sparse as SparseTensor):
      notes.append((name, sparse.layout.rawValue))
      if let dense = try? catchingErrors({ try sparse.dense() }) { add(name, dense) }
    case .string(let text): notes.append((name, text))
    case .dtype(let dtype): notes.append((name, "\(dtype)"))
    default: notes.append((name, value.kind))
    }
  }

  /// Adds what another process computed.
  public mutating func add(_ name: String, dtype: String, shape: [Int], bytes: [UInt8]) throws {
    let dtype = try ValueReader.dtype(dtype)
    guard byteCount(shape, dtype) == bytes.count else { throw CaseFailure("\(name): \(bytes.count) bytes for \(dtype)\(shape)") }
    tensors.append((name, try catchingErrors { bytes.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: dtype) } }))
  }

  public mutating func note(_ name: String, _ text: String) { notes.append((name, text)) }

  public mutating func add(_ other: Computed) {
    tensors += other.tensors
    notes += other.notes
  }

  /// Writes all of it, sorted by name.
  public func write(to path: String) throws {
    let sorted = tensors.sorted { $0.name < $1.name }
    try Safetensors.save(
      sorted.map { ($0.name, $0.tensor) }, to: path,
      metadata: Dictionary(notes.map { ($0.name, $0.text) }, uniquingKeysWith: { first, _ in first }))
  }
}
