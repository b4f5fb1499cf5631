import CEmberKernels
import EmberRuntime
public import EmberTensor

/// A matrix [rows, columns] whose rows are stored in blocks of few bits a weight, as GGUF files hold them. It stays that small: products
/// expand weights in registers, or for many inputs a few rows at a time.
///
///     let head = try file.matrix("output.weight")      // mapped: no byte is read before it is needed
///     let logits = head.linear(hidden)                 // hidden @ headᵀ, [..., columns] -> [..., rows]
///     let embedded = table.rows(tokens)                // rows by number, [...] -> [..., columns]
///
/// Values are those of ggml's reference code; sums are in float32, inputs are not rounded. Matrices live on the CPU.
public struct QuantizedMatrix: Sendable {
  /// How weights are packed. The raw values are those of the C kernels' `ember_block_format`.
  public enum Format: Int32, Sendable, CaseIterable {
    case q4_0 = 0
    case q4_1, q5_0, q5_1, q8_0, q4_K, q5_K, q6_K

    /// The name as ggml writes it: `Q4_1`.
    public var name: String {
      switch self {
      case .q4_0: "Q4_0"
      case .q4_1: "Q4_1"
      case .q5_0: "Q5_0"
      case .q5_1: "Q5_1"
      case .q8_0: "Q8_0"
      case .q4_K: "Q4_K"
      case .q5_K: "Q5_K"
      case .q6_K: "Q6_K"
      }
    }

    /// Weights of one block.
    public var blockWeights: Int { Int(ember_block_weights(rawValue)) }
    /// Bytes of one block.
    public var blockBytes: Int { Int(ember_block_bytes(rawValue)) }
  }

  public let format: Format
  public let rows, columns: Int
  private let contents: FileBytes
  /// Where the blocks begin.
  private let offset: Int

  /// The caller vouches for `rows` × `columns` weights lying at `offset`, and for whole blocks in a row.
  init(format: Format, rows: Int, columns: Int, contents: FileBytes, offset: Int) {
    self.format = format
    self.rows = rows
    self.columns = columns
    self.contents = contents
    self.offset = offset
  }

  /// A matrix from its blocks, row by row; a row must be a whole number of blocks.
  public init(_ format: Format, rows: Int, columns: Int, bytes: [UInt8]) throws {
    guard rows >= 0, columns >= 0, columns % format.blockWeights == 0,
      case (let blocks, let overflows) = rows.multipliedReportingOverflow(by: columns / format.blockWeights), !overflows,
      bytes.count / format.blockBytes == blocks, bytes.count % format.blockBytes == 0
    else {
      throw EmberError(
        .shape, in: "QuantizedMatrix",
        "\(bytes.count) bytes for [\(rows), \(columns)] weights of \(format.name), "
          + "which has \(format.blockWeights) weights in \(format.blockBytes) bytes"
      )
    }
    let contents = try bytes.withUnsafeBytes { try FileBytes(copying: $0, in: "QuantizedMatrix") }
    self.init(format: format, rows: rows, columns: columns, contents: contents, offset: 0)
  }

  /// Bytes of all blocks.
  public var byteCount: Int { rows * rowBytes }
  private var rowBytes: Int { columns / format.blockWeights * format.blockBytes }

  fileprivate func withBlocks(row: Int = 0, _ body: (UnsafeRawPointer?) -> Void) {
    contents.withBytes { body($0.baseAddress.map { $0 + offset + row * rowBytes }) }
  }

  /// All weights, [rows, columns] in float32.
  public func dequantized() -> Tensor {
    var result = Tensor.empty([rows, columns])
    if rows * columns == 0 { return result }
    result.withMutableOperand { target in
      withBlocks { blocks in
        ember_dequantize(
          format.rawValue, blocks, target.pointer?.assumingMemoryBound(to: Float.self), Int64(rows * columns / format.blockWeights))
      }
    }
    return result
  }

  /// Rows by number, of any shape [...]: [..., columns] in float32. Raises for numbers outside of 0 ..< rows.
  public func rows(_ numbers: Tensor) -> Tensor {
    var indices: [Int] = []
    do throws(EmberError) {
      guard numbers.dtype.isInteger, numbers.rank < maximumRank else {
        throw EmberError(.dtype, in: "QuantizedMatrix.rows", "row numbers \(numbers.dtype)\(numbers.shape); they must be integers")
      }
      indices = try numbers.elementsOrThrow(as: Int.self)
      if let wrong = indices.first(where: { $0 < 0 || $0 >= rows }) {
        throw EmberError(.index, in: "QuantizedMatrix.rows", "row \(wrong) of \(rows)")
      }
    } catch {
      raise(error)
      return Tensor.empty(Array(numbers.shape) + [columns])
    }
    var result = Tensor.empty(Array(numbers.shape) + [columns])
    if columns == 0 || indices.isEmpty { return result }
    result.withMutableOperand { target in
      for (i, row) in indices.enumerated() {
        withBlocks(row: row) { blocks in
          ember_dequantize(
            format.rawValue, blocks, target.pointer.map { $0.assumingMemoryBound(to: Float.self) + i * columns },
            Int64(columns / format.blockWeights))
        }
      }
    }
    return result
  }

  /// The product with the transpose, x [..., columns] in float32 to [..., rows], as `nn.Linear` without bias. Gradients flow to x.
  public func linear(_ x: Tensor) -> Tensor { apply(QuantizedLinear(matrix: self), x) }
}

/// x Wᵀ with packed weights.
struct QuantizedLinear: UnaryOperation {
  static let name = "quantized_linear"
  let matrix: QuantizedMatrix

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.dtype == .float32, x.rank >= 1, x.shape[-1] == matrix.columns else {
      throw EmberError(
        x.dtype == .float32 ? .shape : .dtype, in: Self.name,
        "an input of \(x.dtype)\(x.shape) for \(matrix.format.name) weights [\(matrix.rows), \(matrix.columns)]; "
          + "it must be float32[..., \(matrix.columns)]")
    }
    guard x.device == .cpu || x.device == .meta else {
      throw EmberError(.kernel, in: Self.name, "quantized matrices live on the CPU; move the input there, or use dequantized()")
    }
    var result = Tensor.empty(x.shape.dropLast() + [matrix.rows], on: x.device)
    if x.device == .meta { return result }
    let count = x.shape.dropLast().reduce(1, *)
    x.withOperand { source in
      result.withMutableOperand { target in
        matrix.withBlocks { blocks in
          ember_quantized_linear(
            matrix.format.rawValue, blocks, source.pointer?.assumingMemoryBound(to: Float.self),
            target.pointer?.assumingMemoryBound(to: Float.self), Int64(count), Int64(matrix.rows), Int64(matrix.columns))
        }
      }
    }
    return result
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.matmul(matrix.dequantized()) }
}
