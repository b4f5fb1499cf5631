import EmberOperators
import EmberRuntime
import EmberTensor
import Testing

@Suite struct IndexingTests {
  @Test func gradients() {
    let x = numbers([3, 4])
    let source = numbers([2, 4], seed: 2)
    let rows = Tensor([2, 0])
    let mask = x .> 0
    #expect(checkGradients({ $0[0].indexCopy(dim: 0, index: rows, source: $0[1]) }, at: [x, source]) == nil)
    #expect(checkGradients({ $0[0].indexFill(dim: 1, index: Tensor([1, 1, 3]), value: $0[1]) }, at: [x, numbers([])]) == nil)
    #expect(checkGradients({ $0[0].indexPut([rows, Tensor([1, 3])], $0[1]) }, at: [x, numbers([2], seed: 3)]) == nil)
    #expect(checkGradients({ $0[0].indexPut([nil, rows], $0[1], accumulate: true) }, at: [x, numbers([3, 2], seed: 3)]) == nil)
    #expect(checkGradients({ $0[0].put(Tensor([0, -1]), $0[1]) }, at: [x, numbers([2], seed: 4)]) == nil)
    #expect(checkGradients({ $0[0].take(Tensor([[0, 5], [5, 11]])) }, at: [x]) == nil)
    #expect(checkGradients({ $0[0].takeAlongDim(Tensor([[1, -1]]), dim: 1) }, at: [x]) == nil)
    #expect(checkGradients({ $0[0].maskedScatter(mask, $0[1]) }, at: [x, numbers([12], seed: 5)]) == nil)
    #expect(checkGradients({ $0[0].maskedSelect(mask) }, at: [x]) == nil)
    for reduction in [ScatterReduction.prod, .mean, .amax, .amin] {
      for includeSelf in [true, false] {
        #expect(
          checkGradients(
            { $0[0].indexReduce(dim: 0, index: Tensor([2, 2]), source: $0[1], reduction, includeSelf: includeSelf) }, at: [x, source])
            == nil,
          "\(reduction) \(includeSelf)")
      }
    }
  }

  @Test func distinctSlices() {
    let x = Tensor([[1, 2, 1], [0, 5, 0], [1, 2, 1], [0, 5, 0], [1, 0, 1]])
    let (values, inverse, counts) = x.unique(dim: 0)
    #expect(values.elements(as: Int.self) == [0, 5, 0, 1, 0, 1, 1, 2, 1])
    #expect(inverse.elements(as: Int.self) == [2, 0, 2, 0, 1] && counts.elements(as: Int.self) == [2, 1, 2])
    #expect(x.unique(dim: 1).values.shape == [5, 2])
    #expect(x.uniqueConsecutive(dim: 0).counts.elements(as: Int.self) == [1, 1, 1, 1, 1])
    #expect(x.flatten().uniqueConsecutive().values.elementCount == 15)
  }

  @Test func searches() {
    let edges = Tensor([1.0, 2, 2, 5])
    #expect(Tensor([0.0, 2, 6]).bucketize(edges).elements(as: Int.self) == [0, 1, 4])
    #expect(Tensor([0.0, 2, 6]).bucketize(edges, right: true).elements(as: Int.self) == [0, 3, 4])
    #expect(Tensor([1, 7, 3]).isIn(Tensor([3, 1])).elements(as: Bool.self) == [true, false, true])
    #expect(Tensor([5.0, 1, 2, 2]).searchSorted(Tensor([2.0]), sorter: Tensor([1, 2, 3, 0])).item(as: Int.self) == 1)
    #expect(Tensor([0, 3, 0, 4]).nonzeroStatic(size: 3).elements(as: Int.self) == [1, 3, -1])
    #expect(Tensor([0.0, 1, 2, 2, 9]).histc(2, low: 0, high: 4).elements(as: Double.self) == [2, 2])
  }

  @Test func refusals() {
    let x = numbers([3, 4])
    #expect(failure { x.take(Tensor([12])) } == .index)
    #expect(failure { x.gather(dim: 0, index: Tensor([[3]])) } == .index)
    #expect(failure { x.indexCopy(dim: 0, index: Tensor([0]), source: numbers([2, 4])) } == .shape)
    #expect(failure { x.maskedScatter(Tensor.ones([3, 4], dtype: .bool), numbers([5])) } == .shape)
    #expect(failure { Tensor([1, -1]).bincount() } == .value)
    #expect(failure { x.scatter(dim: 0, index: Tensor([[0]]), source: Tensor([[1.0]])) } == .dtype)
  }

  @Test func nothingToIndex() {
    let none = Tensor.zeros([0]), x = Tensor.zeros([0, 3]), noIndex = Tensor.zeros([0], dtype: .int64)
    #expect(none.searchSorted(Tensor([1.0, 2])).elements(as: Int.self) == [0, 0])
    #expect(Tensor([1.0]).isIn(none).item(as: Bool.self) == false)
    #expect(x.median(1).values.shape == [0] && x.mode(1).values.shape == [0] && x.topk(0, dim: 0).values.shape == [0, 3])
    #expect(failure { x.median(0) } == .index)
    #expect(x.scatterReduce(dim: 0, index: x.to(.int64), source: x, .amax).shape == [0, 3])
    #expect(x.indexCopy(dim: 0, index: noIndex, source: x).shape == [0, 3])
    #expect(x.maskedScatter(x .> 0, none).shape == [0, 3] && x.maskedSelect(x .> 0).shape == [0])
    #expect(x.take(noIndex).shape == [0] && x.gather(dim: 0, index: x.to(.int64)).shape == [0, 3])
    #expect(failure { none.take(Tensor([0])) } == .index)
    #expect(x.unique(dim: 0).values.shape == [0, 3] && failure { Tensor.zeros([3, 0]).unique(dim: 0) } == .shape)
    #expect(none.histc(3).elements(as: Int.self) == [0, 0, 0] && noIndex.bincount(minimumLength: 2).elements(as: Int.self) == [0, 0])
    #expect(x.covariance().shape == [0, 0])
  }

  @Test func subscriptsByName() throws {
    let x = OperatorValue.tensor(Tensor.arange(12).reshape(3, 4))
    func result(_ index: [OperatorValue]) throws -> [Int] {
      guard case .tensor(let y)? = try OperatorRegistry.standard.call("torch.Tensor.__getitem__", [x, .list(index)]).first else {
        return []
      }
      return y.elements(as: Int.self)
    }
    #expect(try result([.integer(1), .slice(start: nil, end: nil, step: 2)]) == [4, 6])
    #expect(try result([.list([.integer(0), .integer(2)]), .integer(-1)]) == [3, 11])
    #expect(try result([.ellipsis, .none, .integer(0)]) == [0, 4, 8])
    #expect(throws: EmberError.self) { try result([.integer(3)]) }
    #expect(throws: EmberError.self) { try result([.string("a")]) }
  }
}
