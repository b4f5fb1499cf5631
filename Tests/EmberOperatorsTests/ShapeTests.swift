import EmberRuntime
import EmberTensor
import Testing

@Suite struct ShapeTests {
  @Test func gradientsOfViewsAndRearrangements() {
    let x = numbers([3, 4])
    let functions: [(String, ([Tensor]) -> Tensor)] = [
      ("diagonal", { $0[0].diagonal(offset: 1) }), ("diagEmbed", { $0[0].diagEmbed(offset: -1, dim1: 0) }),
      ("tril", { $0[0].tril(-1) }), ("roll", { $0[0].roll([1, -2], [0, 1]) }), ("rot90", { $0[0].rot90(3) }),
      ("unfold", { $0[0].unfold(1, size: 3, step: 1) }), ("asStrided", { $0[0].asStrided([3, 3], strides: [2, 1], offset: 1) }),
      ("asStrided of an expanded one", { $0[0].narrow(0, start: 0, length: 1).expand(3, 4).asStrided([4], strides: [1]) }),
      ("repeatInterleave", { $0[0].repeatInterleave(Tensor([2, 0, 1]), dim: 0) }), ("movedim", { $0[0].movedim(0, -1) }),
      ("repeat", { $0[0].repeat(2, 1, 3) }), ("vander", { $0[0].select(0, 1).vander(3) }),
      ("slice", { $0[0].slice(1, start: -3, step: 2) }),
      ("blockDiag", { blockDiag([$0[0], $0[0].select(0, 0)]) }),
      ("cartesianProduct", { cartesianProduct([$0[0].select(0, 0), $0[0].select(1, 0)]) }),
      ("meshgrid", { meshgrid([$0[0].select(0, 0), $0[0].select(1, 1)], indexing: .columns)[1] }),
      ("combinations", { $0[0].select(0, 0).combinations(3, withReplacement: true) }),
    ]
    for (name, function) in functions { #expect(checkGradients(function, at: [x]) == nil, "\(name)") }
  }

  @Test func gradientsOfReplacedParts() {
    let x = numbers([3, 4])
    let row = numbers([4], seed: 2)
    let diagonal = numbers([3], seed: 3)
    #expect(checkGradients({ $0[0].selectScatter($0[1], 0, -1) }, at: [x, row]) == nil)
    #expect(checkGradients({ $0[0].diagonalScatter($0[1]) }, at: [x, diagonal]) == nil)
    #expect(checkGradients({ $0[0].sliceScatter($0[1], 1, start: 1, end: 2) }, at: [x, diagonal.unsqueeze(1)]) == nil)
    // PyTorch 2.15 gives the gradient of the replaced elements here, and not of those that stay.
    #expect(checkGradients({ $0[0].asStridedScatter($0[1], [3], strides: [2], offset: 1) }, at: [x, diagonal]) == nil)
  }

  @Test func shapesOnMeta() {
    let x = Tensor.empty([2, 3, 4], on: .meta)
    #expect(x.diagonal(offset: 1, dim1: 1, dim2: 2).shape == [2, 3])
    #expect(x.unfold(2, size: 2, step: 2).shape == [2, 3, 2, 2])
    #expect(x.diagEmbed(offset: -2).shape == [2, 3, 6, 6])
    #expect(x.tensorSplit(3, dim: 2).map { $0.size(2) } == [2, 1, 1])
    #expect(x.movedim([0, 1], [1, 2]).shape == [4, 2, 3])
    #expect(x.repeatInterleave(3, dim: 1).shape == [2, 9, 4])
    #expect(x.resized([5, 5]).shape == [5, 5])
    #expect(x.tril().shape == [2, 3, 4])
  }

  @Test func extremeArgumentsAreRefusedOrHarmless() {
    let x = numbers([3, 4])
    #expect(x.diagonal(offset: .min).shape == [0] && x.diagonal(offset: .max).shape == [0])
    #expect(x.tril(.max).elements(as: Double.self) == x.elements(as: Double.self))
    #expect(x.triu(.min).elements(as: Double.self) == x.elements(as: Double.self))
    #expect(x.slice(0, start: .min, end: .max, step: .max).shape == [1, 4])
    #expect(failure { x.reshape([.max, 2]) } == .shape)
    #expect(failure { x.reshape([-1, .max, .max]) } == .shape)
    #expect(failure { x.diagEmbed(offset: .max) } != nil)
    #expect(failure { x.asStrided([2], strides: [.max]) } == .value)
    #expect(failure { x.unfold(0, size: 5, step: 1) } == .value)
    #expect(failure { x.roll([1], [2]) } == .index)
    #expect(failure { x.split(0) } == .value)
    #expect(failure { x.narrow(0, start: 1, length: .max) } != nil)
    #expect(failure { cat([]) } == .value)
    #expect(failure { x.repeat(.max, 1) } != nil)
    #expect(failure { x.repeatInterleave(.max) } == .value)
    #expect(failure { x.split([.max, .max]) } == .value)
    #expect(x.unfold(0, size: 2, step: .max).shape == [1, 4, 2])
    #expect(failure { Tensor.zeros([0, 2]).reshape([0, -1]) } == .shape)
  }

  @Test func tensorsWithoutElements() {
    let x = Tensor.zeros([0, 3])
    #expect(x.roll([1], [0]).shape == [0, 3] && x.flip(0, 1).shape == [0, 3] && x.tile([2, 2]).shape == [0, 6])
    #expect(x.chunk(3).count == 3 && x.diagonal().shape == [0] && x.unbind(0).isEmpty)
    #expect(x.sort(0).values.shape == [0, 3] && x.cumsum(0).shape == [0, 3] && x.unique().values.shape == [0])
    #expect(x.nonzero().shape == [0, 2] && x.unfold(0, size: 0, step: 1).shape == [1, 3, 0])
  }
}
