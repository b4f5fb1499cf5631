import EmberRuntime
import EmberSparse
import EmberTensor
import Testing

@Suite struct SparseTests {
  private let matrix = Tensor([0, 1, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5, 0, 6, 0, 0, 7, 0, 0, 0, 0, 0, 8], shape: [4, 6], dtype: .float64)

  @Test func everyLayoutGivesTheSameMatrix() throws {
    for layout in SparseTensor.Layout.allCases {
      let block: (rows: Int, columns: Int)? = layout == .rowBlocks || layout == .columnBlocks ? (2, 3) : nil
      let x = try matrix.toSparse(layout, blockSize: block)
      #expect(x.layout == layout)
      #expect(try x.dense().isEqual(to: matrix), "\(layout)")
      for other in SparseTensor.Layout.allCases {
        let size: (rows: Int, columns: Int)? = other == .rowBlocks || other == .columnBlocks ? (1, 2) : nil
        #expect(try x.converted(to: other, blockSize: size).dense().isEqual(to: matrix), "\(layout) to \(other)")
      }
    }
    #expect(try matrix.toSparse(sparseDimensions: 1).dense().isEqual(to: matrix))
    #expect(try Tensor.zeros([0, 3]).toSparse(.rows).dense().shape == [0, 3])
  }

  @Test func valuesAtOnePlaceAddUp() throws {
    let x = try SparseTensor(indices: Tensor([[1, 0, 1], [2, 0, 2]]), values: Tensor([1.0, 2, 3]), shape: [2, 3])
    let sums = try x.coalesced()
    #expect(sums.count == 2 && sums.values.elements(as: Double.self) == [2, 4])
    #expect(try x.dense().elements(as: Double.self) == [2, 0, 0, 0, 0, 4])
  }

  @Test func productsAgreeWithDenseOnes() throws {
    let other = numbers([6, 3])
    let x = try matrix.toSparse(.rows)
    #expect(try x.matmul(other).allClose(matrix.matmul(other)))
    let sparse = try other.toSparse()
    #expect(try x.matmul(sparse).dense().allClose(matrix.matmul(other)))
    let a = numbers([4, 2], seed: 2)
    let b = numbers([2, 6], seed: 3)
    let sampled = try x.sampledAddMM(a, b, beta: 0.5, alpha: 2).dense()
    #expect(sampled.allClose(((a.matmul(b) * 2 + matrix * 0.5).maskedFill(matrix .== 0, 0))))
    let empty = try x.matmul(other.abs(), .amin)
    #expect(empty.shape == [4, 3])
  }

  @Test func gradientsFlowThroughTheValues() throws {
    let x = try matrix.toSparse(.rows)
    #expect(
      checkGradients(
        { inputs in (try? x.withValues(inputs[0]).matmul(inputs[1])) ?? Tensor.zeros([]) },
        at: [numbers([x.count]), numbers([6, 2], seed: 2)]) == nil)
  }

  @Test func gradientsOfSampledProducts() throws {
    let x = try matrix.toSparse(.rows)
    #expect(
      checkGradients(
        { inputs in (try? x.withValues(inputs[0]).sampledAddMM(inputs[1], inputs[2], beta: 0.5, alpha: 2).values) ?? Tensor.zeros([]) },
        at: [numbers([x.count]), numbers([4, 11], seed: 2), numbers([11, 6], seed: 3)]) == nil)
  }

  @Test func productsInEveryDType() throws {
    for dtype in [DType.float32, .float16, .bfloat16, .int32, .complex64] {
      let x = matrix.to(dtype)
      let other = Tensor.arange(18).reshape(6, 3).to(dtype)
      #expect(
        try x.toSparse(.rows).matmul(other).to(.complex128).allClose(matrix.matmul(other.to(.float64)).to(.complex128), relative: 0.01),
        "\(dtype)")
    }
  }

  @Test func malformedOnesAreRefused() {
    #expect(failure { try SparseTensor(indices: Tensor([[3]]), values: Tensor([1.0]), shape: [3]) } == .index)
    #expect(failure { try SparseTensor(indices: Tensor([[0, 1]]), values: Tensor([1.0]), shape: [3]) } == .shape)
    #expect(
      failure { try SparseTensor(.rows, compressed: Tensor([0, 2, 1]), indices: Tensor([0]), values: Tensor([1.0]), shape: [2, 2]) }
        == .index)
    #expect(failure { try matrix.toSparse(.rowBlocks, blockSize: (3, 2)) } == .value)
  }
}
