import EmberRuntime

/// A space of several operands, as kernels with a `Layout` walk it: without extents of 1, neighbouring dimensions merged where every
/// operand allows it.
struct StridedSpace {
  var shape = Shape()
  var strides: [Strides]

  /// Strides by operand.
  ///
  /// - Parameter ordered: where the order of elements does not matter, dimensions are brought into the order that they have in the memory of
  ///   the last operand, so that more of them merge.
  init(_ shape: Shape, _ operands: [Strides], ordered: Bool = false) {
    strides = Array(repeating: Strides(), count: operands.count)
    var dimensions = Array(0..<shape.rank)
    if ordered, let last = operands.last, zip(dimensions, dimensions.dropFirst()).contains(where: { last[$0] < last[$1] }) {
      // Stable, by insertion: ranks are small.
      for i in dimensions.indices.dropFirst() {
        var k = i
        while k > 0, last[dimensions[k - 1]] < last[dimensions[k]] {
          dimensions.swapAt(k - 1, k)
          k -= 1
        }
      }
    }
    for i in dimensions where shape[unchecked: i] != 1 {
      let extent = shape[unchecked: i], last = self.shape.rank - 1
      if last >= 0, operands.indices.allSatisfy({ strides[$0][last] == operands[$0][i] * extent }) {
        self.shape[unchecked: last] *= extent
        for k in operands.indices { strides[k][last] = operands[k][i] }
      } else {
        self.shape.append(extent)
        for k in operands.indices { strides[k].append(operands[k][i]) }
      }
    }
  }
}

/// Calls `body` with parts of a space that have at most `limit` elements each, in row-major order, and where each begins. A `Layout` counts
/// its elements with 32 bits.
func forEachPiece(of shape: Shape, limit: Int = Int(Int32.max), _ body: (_ piece: Shape, _ origin: [Int]) -> Void) {
  func cut(_ piece: Shape, _ origin: [Int], from dimension: Int) {
    let count = piece.elementCount
    if count == 0 { return }
    if count <= limit || dimension == piece.rank { return body(piece, origin) }
    let extent = piece[unchecked: dimension], rest = count / extent, width = max(1, limit / rest)
    for start in stride(from: 0, to: extent, by: width) {
      var part = origin
      part[dimension] += start
      cut(piece.replacing(dimension, with: min(width, extent - start)), part, from: dimension + 1)
    }
  }
  cut(shape, Array(repeating: 0, count: shape.rank), from: 0)
}

extension UnsafeMutableRawPointer {
  /// The address of an element by its coordinates.
  func element(at coordinates: [Int], _ strides: Strides, size: Int) -> UnsafeMutableRawPointer {
    var offset = 0
    for i in coordinates.indices { offset += coordinates[i] * strides[i] }
    return self + offset * size
  }
}

extension DType {
  /// The type that stands for all of a size in kernels that only move elements.
  static func moving(bytes: Int) -> DType {
    switch bytes {
    case 1: .uint8
    case 2: .int16
    case 4: .int32
    case 8: .int64
    default: .complex128
    }
  }
}

func quotientRoundedUp(_ x: Int, _ divisor: Int) -> Int { (x + divisor - 1) / divisor }

/// The largest power of two, at most 16 bytes, that divides a length and addresses.
func widestAccess(_ byteCount: Int, _ pointers: [UnsafeMutableRawPointer?]) -> Int {
  let all = pointers.reduce(UInt(bitPattern: byteCount)) { $0 | UInt(bitPattern: $1) }
  return 1 << min(4, all.trailingZeroBitCount)
}
