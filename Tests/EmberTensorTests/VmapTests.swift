import EmberRuntime
import EmberTensor
import Testing

/// Inputs like those of a sample for each of `count` members: the same numbers in another order, a little smaller.
func members(of sample: Sample, _ count: Int) -> [[Tensor]] {
  (0..<count).map { i in
    sample.inputs().map { x in
      let flat = x.reshape(-1)
      return (i % 2 == 1 ? flat.flip(0) : flat).reshape(Array(x.shape)) * (1 - 0.02 * Double(i))
    }
  }
}

/// Both have one shape and dtype, and elements that agree to rounding.
func expectClose(_ a: Tensor, _ b: Tensor, _ what: @autoclosure () -> String, tolerance: Double = 1e-10) {
  #expect(a.shape == b.shape && a.dtype == b.dtype, "\(what()): \(a.dtype)\(a.shape) for \(b.dtype)\(b.shape)")
  guard a.shape == b.shape else { return }
  for (x, y) in zip(a.elements(as: Double.self), b.elements(as: Double.self)) {
    if abs(x - y) <= tolerance * max(1, abs(y)) || (x.isNaN && y.isNaN) { continue }
    Issue.record("\(what()): \(x) for \(y)")
    return
  }
}

@Suite struct VmapTests {
  /// Samples whose results have one shape for all members.
  static let samples = Samples.all.filter { $0.name != "x[mask] [3, 4]" }

  @Test(arguments: samples)
  func everySampleAgreesWithTheLoop(_ sample: Sample) {
    let all = members(of: sample, 3)
    let expected = stack(all.map(sample.run))
    let batch = all[0].indices.map { i in stack(all.map { $0[i] }) }
    expectClose(vmap(batch) { [sample.run($0)] }[0], expected, "\(sample)")
    // The batch in other places, and only in one input.
    let last = batch.map { $0.permute(Array(1..<$0.rank) + [0]) }
    let moved = vmap(last, inDims: last.map { $0.rank - 1 }, outDims: [expected.rank - 1]) { [sample.run($0)] }[0]
    expectClose(moved, expected.permute(Array(1..<expected.rank) + [0]), "\(sample), batch last")
    for i in batch.indices where batch.count > 1 {
      let mixed = batch.indices.map { $0 == i ? batch[$0] : all[0][$0] }
      let loop = stack(all.map { member in sample.run(batch.indices.map { $0 == i ? member[$0] : all[0][$0] }) })
      expectClose(vmap(mixed, inDims: batch.indices.map { $0 == i ? 0 : nil }) { [sample.run($0)] }[0], loop, "\(sample), only input \(i)")
    }
  }

  @Test(arguments: samples)
  func everySampleAgreesWithTheLoopNested(_ sample: Sample) {
    let all = members(of: sample, 6)
    let expected = stack(all.map(sample.run)).unflatten(0, [2, 3])
    let batch = all[0].indices.map { i in stack(all.map { $0[i] }).unflatten(0, [2, 3]) }
    let result = vmap(batch) { outer in vmap(outer) { [sample.run($0)] } }[0]
    expectClose(result, expected, "\(sample)")
  }

  /// Gradients inside vmap (each member's own), and of vmap (through its results).
  @Test(arguments: samples.filter(\.isDifferentiable))
  func gradientsInsideAndOutsideAgreeWithTheLoop(_ sample: Sample) {
    let all = members(of: sample, 3)
    func loss(_ x: [Tensor]) -> Tensor { (sample.run(x) * 1.5).sum() }
    let expected = all.map { valueAndGrad(loss, at: $0) }
    let batch = all[0].indices.map { i in stack(all.map { $0[i] }) }
    let inside = vmap(batch) { x in
      let (value, gradients) = valueAndGrad(loss, at: x)
      return [value] + gradients
    }
    expectClose(inside[0], stack(expected.map(\.value)), "\(sample), value")
    let outside = valueAndGrad({ x in vmap(x) { [loss($0)] }[0].sum() }, at: batch).gradients
    for i in batch.indices {
      let gradient = stack(expected.map { $0.gradients[i] })
      expectClose(inside[i + 1], gradient, "\(sample), gradient \(i) inside", tolerance: 1e-9)
      expectClose(outside[i], gradient, "\(sample), gradient \(i) outside", tolerance: 1e-9)
    }
  }

  @Test func membersAreChosenAndRepeated() {
    let x = Tensor.arange(0, 12, dtype: .float64).reshape(3, 4), w = Tensor.arange(0, 4, dtype: .float64)
    let products = vmap(inDims: (1, nil)) { column, factor in column.sum() * factor }(x, w)
    expectClose(products, x.sum(0).unsqueeze(1) * w, "columns")
    // A result that does not depend on the member is repeated.
    expectClose(vmap { _ in w }(x), w.expand(3, 4), "the same for all")
    expectClose(vmap(outDim: 1) { $0 * 2 }(x), (x * 2).t(), "outDim")
    expectClose(vmap(chunkSize: 2) { $0.cumsum(0) }(x), x.cumsum(1), "chunks")
    let outer = vmap(inDims: (0, nil)) { a, b in vmap(inDims: (nil, 0)) { a, b in a * b }(a, b) }(w, w)
    expectClose(outer, w.unsqueeze(1) * w, "outer product")
    #expect(vmap { $0.sum() }(Tensor.zeros([0, 4])).shape == [0])
    #expect(vmap { $0.sort(0).values.reshape(2, 2) }(Tensor.zeros([0, 4])).shape == [0, 2, 2])
  }

  @Test func typesPromoteAsForOneMember() {
    let x = Tensor.ones([3, 2]), numbers = Tensor([1.0, 2, 3], dtype: .float64)
    let result = vmap { a, number in a * number }(x, numbers)
    #expect(result.dtype == .float32 && result.shape == [3, 2])
    #expect(vmap(inDims: (0, nil)) { a, b in a + b }(Tensor([1.0, 2]), Tensor(1.0, dtype: .float64)).dtype == .float64)
    #expect(vmap { $0 * 1.5 }(Tensor([1, 2])).dtype == .float32)
  }

  @Test func randomnessIsAChoice() throws {
    let x = Tensor.zeros([4, 1000])
    #expect(throws: EmberError.self) { try catchingErrors { vmap { $0 + Tensor.rand([1000]) }(x) } }
    let same = vmap(randomness: .same) { $0 + Tensor.rand([1000]) }(x)
    #expect((same[0] .== same[3]).all().item(as: Bool.self))
    let different = vmap(randomness: .different) { $0 + Tensor.rand([1000]) }(x)
    #expect(!(different[0] .== different[3]).all().item(as: Bool.self))
    let dropped = vmap(randomness: .different) { ($0 + 1).dropout(0.5) }(x)
    #expect(!(dropped[0] .== dropped[1]).all().item(as: Bool.self))
    let orders = vmap(randomness: .different) { _ in Tensor.randperm(50) }(x)
    #expect((orders.sort(1).values .== Tensor.arange(50)).all().item(as: Bool.self))
    let drawn = vmap(randomness: .different) { p in p.bernoulli() }(Tensor([[0.0, 0], [1, 1]]))
    expectClose(drawn, Tensor([[0.0, 0], [1, 1]]), "bernoulli")
    #expect(throws: EmberError.self) { try catchingErrors { vmap(randomness: .same) { $0.bernoulli() }(x) } }
  }

  @Test func readingAMemberIsAnError() throws {
    let x = Tensor.ones([3, 2])
    for body: @Sendable (Tensor) -> Tensor in [
      { $0 * $0.sum().item() }, { $0 * $0.elements(as: Double.self)[0] }, { $0.nonzero() }, { $0[$0 .> 0] },
    ] {
      let error = #expect(throws: EmberError.self) { try catchingErrors { vmap(body)(x) } }
      #expect(error?.message.contains("vmap") ?? false, "\(String(describing: error))")
    }
    #expect(throws: EmberError.self) { try catchingErrors { vmap([x, Tensor.ones([4])]) { [$0[0] + $0[1]] } } }
    #expect(throws: EmberError.self) { try catchingErrors { vmap([x], inDims: [nil]) { $0 } } }
    #expect(throws: EmberError.self) { try catchingErrors { vmap([x], inDims: [2]) { $0 } } }
    #expect(throws: EmberError.self) { try catchingErrors { vmap { $0.sum(1) }(x) } }
    #expect(throws: EmberError.self) { try catchingErrors { vmap { $0.reshape(3) }(x) } }
    var text = ""
    _ = vmap([x]) {
      text = "\($0[0])"
      return $0
    }
    #expect(text.hasPrefix("batched(tensor("))
  }
}
