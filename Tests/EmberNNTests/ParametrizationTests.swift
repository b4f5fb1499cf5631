import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

// The numbers are PyTorch's, from
//
//   def wave(shape, step): return (torch.arange(math.prod(shape)) * step).sin().reshape(shape)  # float64 is the default dtype
//   layer = parametrizations.weight_norm(nn.Linear(3, 2), dim=dim); layer.load_state_dict(…)
//   layer(wave([4, 3], 0.9)).square().sum().backward()
//
// and the same for the other layers, with the states that the tests load.

/// The sines of 0, `step`, 2 · `step`, …
private func wave(_ shape: [Int], _ step: Double) -> Tensor {
  (Tensor.arange(shape.reduce(1, *)).to(.float64) * step).sin().reshape(shape)
}

private func unit(_ x: Tensor) -> Tensor { x / x.norm() }

private func isClose(_ a: Tensor?, _ values: [Double]) -> Bool {
  guard let a, a.elementCount == values.count else { return false }
  return zip(a.elements(as: Double.self), values).allSatisfy { abs($0 - $1) <= 1e-11 * max(1, abs($1)) }
}

private func isClose(_ a: Tensor, _ b: Tensor) -> Bool { a.shape == b.shape && isClose(a, b.elements(as: Double.self)) }

private func linear(_ inputs: Int, _ outputs: Int) throws -> Linear {
  let layer = Linear(inputs, outputs, dtype: .float64)
  try layer.loadStateDict([("weight", wave([outputs, inputs], 0.7)), ("bias", wave([outputs], 0.3))])
  return layer
}

private func names(_ module: Module) -> [String] { module.stateDict().map(\.name) }

private func message(_ body: () -> Void) -> String {
  do { try catchingErrors(body) } catch { return "\(error)" }
  return ""
}

@Suite struct WeightNormTests {
  private struct Case: Sendable {
    let dim: Int?
    let shape: [Int]
    let lengths, weight, lengthGradient, directionGradient: [Double]
  }

  private static let cases = [
    Case(
      dim: 0, shape: [2, 1], lengths: [1.177339202985, 0.9901496574981], weight: [0.0, 0.9178082062676, 1.403956871979, 1.299107798826,
        0.5041485127431, -0.527919696421],
      lengthGradient: [10.56605733997, 7.997154429009], directionGradient: [-5.383264565977, -1.593974031811, 1.042028053833,
        -0.566025582123, -2.749232533754, -4.018318989667]),
    Case(
      dim: 1, shape: [1, 3], lengths: [0.8632093666489, 0.7261084556006, 1.046021052925], weight: [0.0, 1.087827510446, 1.456496525477,
        1.363209366649, 0.5656617827049, -0.5184582599983],
      lengthGradient: [6.812765649474, 5.009130155299, 11.46866576258], directionGradient: [-6.105868402636, 1.112468330052,
        -0.8780003513103, -4.434790859713e-16, -2.139394406571, -2.466552391422]),
    Case(
      dim: nil, shape: [], lengths: [1.53835104678], weight: [0.0, 0.853603473592, 1.305743895631, 1.143772560744, 0.4438671185998,
        -0.4647959650372],
      lengthGradient: [12.08388967925], directionGradient: [-4.656442008997, -0.9591124108205, 1.543271839962, -1.231380380627,
        -2.389293814566, -2.737829174504]),
  ]

  @Test(arguments: cases.indices)
  func valuesAndGradients(_ index: Int) throws {
    let expected = Self.cases[index]
    let layer = weightNorm(try linear(3, 2), dim: expected.dim)
    let originals = try #require(layer.parametrization(of: "weight")).originals
    #expect(Array(originals[0].shape) == expected.shape)
    #expect(isClose(originals[0].value, expected.lengths))
    #expect(isClose(layer.weight, wave([2, 3], 0.7)))
    originals[0].value = originals[0].value + 0.5
    #expect(isClose(layer.weight, expected.weight))
    layer(wave([4, 3], 0.9)).square().sum().backward()
    #expect(isClose(originals[0].grad, expected.lengthGradient))
    #expect(isClose(originals[1].grad, expected.directionGradient))
    #expect(layer.$weight.grad == nil)
  }

  /// Every kind of layer that has weights, and what its lengths look like.
  @Test func otherLayers() throws {
    func shape(_ layer: Module, _ name: String = "weight", dim: Int? = 0) throws -> [Int] {
      let old = try #require(layer.namedParameters().first { $0.name == name }).parameter.value.detach()
      weightNorm(layer, name, dim: dim)
      let list = try #require(layer.parametrization(of: name))
      #expect(isClose(list.originals[1].value, old))
      return Array(list.originals[0].shape)
    }
    #expect(try shape(Conv2d(4, 6, 3, groups: 2, dtype: .float64)) == [6, 1, 1, 1])
    #expect(try shape(ConvTranspose1d(4, 6, kernelSize: 3, dtype: .float64), dim: 1) == [1, 6, 1])
    #expect(try shape(Embedding(5, 3, dtype: .float64), dim: -2) == [5, 1])
    #expect(try shape(Linear(3, 2, dtype: .float64), "bias") == [2])
    #expect(try shape(LSTM(3, 2, dtype: .float64), "weight_hh_l0") == [8, 1])
  }

  /// `weight_g`, `weight_v`: what `torch.nn.utils.weight_norm` saved.
  @Test func olderStateDicts() throws {
    let model = Sequential(weightNorm(Linear(3, 2, dtype: .float64)), Tanh())
    try model.loadStateDict([
      "0.bias": wave([2], 0.3), "0.weight_g": Tensor([2.0, 3.0], shape: [2, 1], dtype: .float64), "0.weight_v": wave([2, 3], 0.7),
    ])
    let layer = try #require(model[0] as? Linear)
    #expect(isClose(layer.weight.norm(2, [1]), [2, 3]))
    #expect(throws: EmberError.self) { try model.loadStateDict(["0.bias": wave([2], 0.3), "0.weight_v": wave([2, 3], 0.7)]) }
  }
}

@Suite struct SpectralNormTests {
  @Test func valuesAndGradients() throws {
    let layer = spectralNorm(Linear(3, 2, dtype: .float64))
    try layer.loadStateDict([
      "bias": wave([2], 0.3), "parametrizations.weight.original": wave([2, 3], 0.7),
      "parametrizations.weight.0._u": unit(wave([2], 0.4)), "parametrizations.weight.0._v": unit(wave([3], 0.5)),
    ])
    layer(wave([4, 3], 0.9)).square().sum().backward()
    let list = try #require(layer.parametrization(of: "weight"))
    #expect(isClose(list.originals[0].grad, [-1.161578624995, -1.935161252771, -2.463143006255, 3.158432046407, 1.085789807877,
      -1.664429269875]))
    layer.eval()
    for _ in 0..<2 {
      let buffers = Dictionary(uniqueKeysWithValues: layer.namedBuffers().map { ($0.name, $0.buffer.value) })
      #expect(isClose(buffers["parametrizations.weight.0._u"], [0.9930815712508, -0.1174265423238]))
      #expect(isClose(buffers["parametrizations.weight.0._v"], [-0.08533871779632, 0.5055008538119, 0.8585954752037]))
      #expect(isClose(layer.weight, [0.0, 0.5423708504007, 0.8296562150796, 0.7267412980706, 0.282028592933, -0.2953265662793]))
    }
  }

  @Test func transposedConvolution() throws {
    let layer = spectralNorm(ConvTranspose1d(2, 3, kernelSize: 2, bias: false, dtype: .float64), powerIterations: 2)
    try layer.loadStateDict([
      "parametrizations.weight.original": wave([2, 3, 2], 0.7), "parametrizations.weight.0._u": unit(wave([3], 0.4)),
      "parametrizations.weight.0._v": unit(wave([4], 0.5)),
    ])
    let y = layer(wave([1, 2, 2], 0.9))
    y.square().sum().backward()
    #expect(isClose(y, [-0.4169830918171, -0.6530252362767, 0.04163659066285, -0.3020133449695, 0.2547309837128, 0.335716358718,
      0.3143184010927, 0.7396170312964, 0.0724849099695]))
    #expect(
      isClose(
        layer.parametrization(of: "weight")?.originals[0].grad, [-0.5456476181763, -0.4674881118571, 0.1785607991869, 0.05536783188547,
          0.6063465559198, 0.4863095362455, -0.02081612043144, 0.09620715800427, 0.0831265823926, 0.6706533640466, 0.0490736958481,
          0.1317709143226]))
  }

  /// A layer that looks at the shape of its weight, and text about it, iterate no further.
  @Test func oneCallIteratesOnce() throws {
    let layer = spectralNorm(Conv2d(1, 2, 2, padding: 1, paddingMode: .reflect, dtype: .float64))
    try layer.loadStateDict([
      "bias": wave([2], 0.3), "parametrizations.weight.original": wave([2, 1, 2, 2], 0.7),
      "parametrizations.weight.0._u": unit(wave([2], 0.4)), "parametrizations.weight.0._v": unit(wave([4], 0.5)),
    ])
    #expect(layer.settings.hasPrefix("1, 2, kernel_size=(2, 2)"))
    #expect(layer.summary().contains("original"))
    #expect(isClose(layer(wave([1, 1, 2, 2], 0.9)), [0.7013821184991, 0.476928499919, 0.7013821184991, 0.6324601811521, 0.9188844331819,
      0.6324601811521, 0.7013821184991, 0.476928499919, 0.7013821184991, -0.1461563008224, -0.001850274437072, -0.1461563008224,
      -0.239224641163, -0.4781110112707, -0.239224641163, -0.1461563008224, -0.001850274437072, -0.1461563008224]))
    #expect(isClose(layer.namedBuffers()[0].buffer.value, [0.7281929489386, -0.6853721829168]))
  }

  @Test func aVectorIsDividedByItsLength() throws {
    let layer = spectralNorm(Linear(3, 2, dtype: .float64), "bias")
    #expect(names(layer) == ["weight", "parametrizations.bias.original"])
    try layer.loadStateDict(["weight": wave([2, 3], 0.7), "parametrizations.bias.original": wave([2], 0.3) + 1])
    #expect(isClose(layer.bias, [0.6110327706899, 0.7916053013611]))
  }

  /// The first estimate is near: 15 iterations.
  @Test func theLargestSingularValueIsOne() {
    withRandomSeed(1) {
      let layer = spectralNorm(Linear(3, 2, dtype: .float64)).eval()
      // One of a 2 × 3 matrix: that of W·Wᵀ by its trace and determinant.
      let product = layer.weight.detach().matmul(layer.weight.detach().T).elements(as: Double.self)
      let trace = product[0] + product[3], determinant = product[0] * product[3] - product[1] * product[2]
      let largest = (trace + (trace * trace - 4 * determinant).squareRoot()) / 2
      #expect(abs(largest.squareRoot() - 1) < 1e-3)
    }
  }

  /// `weight_orig`, `weight_u`, `weight_v`: what `torch.nn.utils.spectral_norm` saved.
  @Test func olderStateDicts() throws {
    let layer = spectralNorm(Linear(3, 2, dtype: .float64)).eval()
    try layer.loadStateDict([
      "bias": wave([2], 0.3), "weight_orig": wave([2, 3], 0.7), "weight_u": Tensor([0.9930815712508, -0.1174265423238], dtype: .float64),
      "weight_v": Tensor([-0.08533871779632, 0.5055008538119, 0.8585954752037], dtype: .float64),
    ])
    #expect(isClose(layer.weight, [0.0, 0.5423708504007, 0.8296562150796, 0.7267412980706, 0.282028592933, -0.2953265662793]))
  }
}

@Suite struct OrthogonalTests {
  private struct Case: Sendable {
    let map: OrthogonalMap
    let shape: [Int]
    let usesTrivialization: Bool
    let weight, gradient: [Double]
  }

  private static let cases = [
    Case(
      map: .matrixExponential, shape: [3, 3], usesTrivialization: true, weight: [-0.4473821429816, -0.09012078479877, 0.4448379228385,
        -0.4016975216812, -0.7353770202068, 1.332349013076, -0.05201622443167, -0.8241145875967, 1.211564932649],
      gradient: [0.0, 0.0, 0.0, 0.3834865056702, 0.0, 0.0, -0.4196045030953, -0.1751534373719, 0.0]),
    Case(
      map: .matrixExponential, shape: [3, 3], usesTrivialization: false, weight: [0.3902749669856, -0.8962080387068, 0.2109421757302,
        0.2022882201053, 0.3069798094394, 0.9299692858386, -0.8982009386273, -0.3202726150547, 0.3010988639882],
      gradient: [0.0, 0.0, 0.0, -0.2346082159866, 0.0, 0.0, 0.1645880097547, 1.294469760945, 0.0]),
    Case(
      map: .cayley, shape: [4, 2], usesTrivialization: true, weight: [-0.4231367882992, -0.366245863732, 0.2495516933116,
        -0.9936531529096, 0.6039907707277, -0.353869986702, 0.1881697854995, 0.7371980853936],
      gradient: [0.0, 0.0, 0.3060002286386, 0.0, 0.6381962652747, 0.7963957411432, 1.051084448796, 0.8862787702604]),
    Case(
      map: .cayley, shape: [4, 2], usesTrivialization: false, weight: [0.4471752774641, -0.7706702125591, 0.3504343877417,
        0.3856278122777, 0.1809300317618, -0.3721101926264, -0.8028040450319, -0.3448080892549],
      gradient: [0.0, 0.0, 0.1215648666881, 0.0, 0.2014048005914, -0.8310367689017, 0.03638378197846, 0.5977020566918]),
    Case(
      map: .householder, shape: [2, 4], usesTrivialization: true, weight: [0.9088878899222, 1.162615065707, -0.06632272086188,
        -1.210680170111, 0.2897961456295, 1.472505879198, 0.7773517020504, -0.9091470448109],
      gradient: [0.0, -0.424762868591, -1.073217639404, -1.573101724953, 0.0, 0.0, 0.05160868284101, -0.1773120941935]),
    Case(
      map: .householder, shape: [2, 4], usesTrivialization: false, weight: [-0.3612790789206, 0.4114753145681, 0.6294273592157,
        0.5513498817504, 0.90969840565, 0.3200271496517, 0.2567399458974, 0.06415632801411],
      gradient: [0.0, -0.4988624924651, -0.5196428406867, -0.2827655922503, 0.0, 0.0, -0.4570604575193, -0.07469149204219]),
    Case(
      map: .householder, shape: [4, 2], usesTrivialization: true, weight: [-0.142357976836, -0.8444447515437, 0.1153824185628,
        -1.879025136073, 0.225977405029, -0.5173139062818, 0.04838691153473, 1.504119725194],
      gradient: [0.0, 0.0, -0.10253481846, 0.0, 0.276316100794, 0.7988195709122, 0.9208415050022, 0.4605196518008]),
    Case(
      map: .householder, shape: [4, 2], usesTrivialization: false, weight: [-0.2965109725469, -0.4684519607617, 0.6932530721535,
        -0.5039016316516, 0.2356604879615, -0.4928829590458, -0.6131439924869, -0.532637113577],
      gradient: [0.0, 0.0, 0.06637632813566, 0.0, 0.1994510836336, -1.224892399548, 0.4121504092518, 0.2591298644587]),
    Case(
      map: .matrixExponential, shape: [2, 3], usesTrivialization: true, weight: [0.5614380854198, 1.562100569652, 1.380596485654,
        -0.08414269062686, -0.103523589584, -0.04455989984631],
      gradient: [0.0, 1.509649661592, -0.878034980533, 0.0, 0.0, -0.3938234389888]),
    Case(
      map: .matrixExponential, shape: [2, 3], usesTrivialization: false, weight: [0.389830565377, 0.6461420575254, 0.6561498089573,
        -0.3418080196232, 0.7631451815861, -0.5484311347318],
      gradient: [0.0, 0.4644050683071, 0.7012287134658, 0.0, 0.0, -0.9538240820542]),
    Case(
      map: .cayley, shape: [3, 3], usesTrivialization: true, weight: [-0.3727878315055, -0.07236299331941, 0.5118067459365,
        -0.1293337864445, -0.5599950337808, 1.465255092891, 0.2119974897293, -0.623833997041, 1.309827597664],
      gradient: [0.0, 0.0, 0.0, 0.2524149383386, 0.0, 0.0, -0.2849875527982, -0.08521187725475, 0.0]),
    Case(
      map: .cayley, shape: [3, 3], usesTrivialization: false, weight: [0.5348446497631, -0.7983633596816, 0.2766896213047,
        0.2689763429437, 0.4712993037734, 0.8399575544034, -0.8009949610057, -0.3748238415317, 0.4668127678877],
      gradient: [0.0, 0.0, 0.0, -0.1334079590456, 0.0, 0.0, -0.200173005651, 1.013935554738, 0.0]),
  ]

  @Test(arguments: cases.indices)
  func valuesAndGradients(_ index: Int) throws {
    let expected = Self.cases[index], shape = expected.shape
    let layer = orthogonal(
      Linear(shape[1], shape[0], bias: false, dtype: .float64), map: expected.map, usesTrivialization: expected.usesTrivialization)
    var original = wave(shape, 0.7)
    if expected.map == .householder {
      original = (shape[0] >= shape[1] ? original.tril(-1) : original.triu(1)) - Tensor.eye(shape[0], shape[1], dtype: .float64)
    }
    var state = ["parametrizations.weight.original": original]
    if expected.usesTrivialization { state["parametrizations.weight.0.base"] = wave([shape.max()!, shape.max()!], 0.3) }
    try layer.loadStateDict(state)
    #expect(isClose(layer.weight, expected.weight))
    (layer.weight * wave(shape, 0.9)).sum().backward()
    #expect(isClose(layer.parametrization(of: "weight")?.originals[0].grad, expected.gradient))
  }

  @Test(arguments: [[3, 3], [4, 2], [2, 4], [2, 3, 3]])
  func columnsAreOrthonormalAndWhatIsAssignedStays(_ shape: [Int]) {
    withRandomSeed(2) {
      final class Holder: Module {
        @Parameter var matrix: Tensor
        init(_ shape: [Int]) { matrix = Tensor.randn(shape, dtype: .float64) }
      }
      func check(_ q: Tensor) {
        let isWide = shape[shape.count - 2] < shape.last!
        let product = isWide ? q.matmul(q.mT) : q.mT.matmul(q)
        #expect(isClose(product, Tensor.eye(product.shape[-1], dtype: .float64).expand(Array(product.shape))))
      }
      for map in [OrthogonalMap.matrixExponential, .cayley, .householder] {
        for usesTrivialization in [true, false] {
          let holder = orthogonal(Holder(shape), "matrix", map: map, usesTrivialization: usesTrivialization)
          check(holder.matrix)
          if !usesTrivialization && map != .householder {
            #expect(message { holder.matrix = Tensor.zeros(shape, dtype: .float64) }.contains("no right inverse"))
            continue
          }
          let other = orthogonal(Holder(shape), "matrix").matrix.detach()
          holder.matrix = other
          #expect(isClose(holder.matrix, other), "\(map) \(usesTrivialization)")
          let optimizer = SGD(holder.parameters(), learningRate: 0.1)
          (holder.matrix * wave(shape, 0.9)).sum().backward()
          optimizer.step()
          #expect(!isClose(holder.matrix, other))
          check(holder.matrix)
        }
      }
    }
  }

  /// The Q of the QR decomposition whose R has a positive diagonal.
  @Test func assignmentWithoutTrivialization() throws {
    let layer = orthogonal(Linear(2, 4, bias: false, dtype: .float64), map: .householder, usesTrivialization: false)
    layer.weight = wave([4, 2], 0.9)
    #expect(
      isClose(layer.parametrization(of: "weight")!.originals[0].value, [-1.0, -0.6333592888309, 0.7379818306428, 1.0,
        -0.335342035535, 0.2822124904877, -0.5856010048184, -0.4754094977877]))
    #expect(isClose(layer.weight, [2.22044604925e-16, 0.6739412648278, 0.7379818306428, -0.03443819396243, -0.335342035535,
      -0.6582924052164, -0.5856010048184, 0.3335690207339]))
  }
}

/// Symmetric: the upper triangle counts.
private final class Symmetric: Module, Parametrization {
  func forward(_ originals: [Tensor]) -> Tensor { originals[0].triu() + originals[0].triu(1).mT }
  func rightInverse(_ value: Tensor) -> [Tensor]? { [value.triu()] }
}

@Suite struct ParametrizationTests {
  /// The order, too, is PyTorch's.
  @Test func namesAreThoseOfPyTorch() {
    final class Model: Module {
      let lengths = weightNorm(Linear(3, 2)), singular = spectralNorm(Conv1d(2, 3, kernelSize: 2)), matrix = orthogonal(Linear(3, 3))
      let recurrent = weightNorm(LSTM(3, 2), "weight_hh_l0"), both = spectralNorm(weightNorm(Linear(2, 2)), "bias")
    }
    let model = Model()
    #expect(
      names(model) == [
        "lengths.bias", "lengths.parametrizations.weight.original0", "lengths.parametrizations.weight.original1", "singular.bias",
          "singular.parametrizations.weight.original", "singular.parametrizations.weight.0._u", "singular.parametrizations.weight.0._v",
            "matrix.bias", "matrix.parametrizations.weight.original", "matrix.parametrizations.weight.0.base", "recurrent.weight_ih_l0",
              "recurrent.bias_ih_l0", "recurrent.bias_hh_l0", "recurrent.parametrizations.weight_hh_l0.original0",
                "recurrent.parametrizations.weight_hh_l0.original1", "both.parametrizations.weight.original0",
                  "both.parametrizations.weight.original1", "both.parametrizations.bias.original",
      ])
    #expect(
      model.namedParameters().map(\.name) == [
        "lengths.bias", "lengths.parametrizations.weight.original0", "lengths.parametrizations.weight.original1", "singular.bias",
          "singular.parametrizations.weight.original", "matrix.bias", "matrix.parametrizations.weight.original", "recurrent.weight_ih_l0",
            "recurrent.bias_ih_l0", "recurrent.bias_hh_l0", "recurrent.parametrizations.weight_hh_l0.original0",
              "recurrent.parametrizations.weight_hh_l0.original1", "both.parametrizations.weight.original0",
                "both.parametrizations.weight.original1", "both.parametrizations.bias.original",
      ])
    #expect(model.parameters().allSatisfy { $0.requiresGrad })
  }

  @Test func aFunctionOfOnesOwn() throws {
    let layer = try linear(3, 3).registerParametrization("weight", Symmetric())
    #expect(layer.isParametrized() && layer.isParametrized("weight") && !layer.isParametrized("bias"))
    #expect(isClose(layer.weight, layer.weight.mT))
    let optimizer = SGD(layer.parameters(), learningRate: 0.1), x = wave([4, 3], 0.9)
    layer(x).square().sum().backward()
    // d/dA of f(triu(A) + triu(A, 1)ᵀ): the gradient at both places, added.
    let original = try #require(layer.parametrization(of: "weight")).originals[0]
    let plain = Linear(3, 3, dtype: .float64)
    try plain.loadStateDict([("weight", layer.weight), ("bias", layer.bias!)])
    plain(x).square().sum().backward()
    let gradient = try #require(plain.$weight.grad)
    #expect(isClose(try #require(original.grad), gradient.triu() + gradient.tril(-1).mT))
    let before = layer.weight.detach()
    optimizer.step()
    #expect(!isClose(layer.weight, before))
    #expect(isClose(layer.weight, layer.weight.mT))
    layer.weight = before
    #expect(isClose(layer.weight, before))
  }

  @Test func theyFollowEachOther() throws {
    let layer = try linear(3, 2)
    let first = layer.weight.detach()
    layer.registerParametrization("weight") { $0.exp() }.registerParametrization("weight") { $0 * 2 }
    #expect(isClose(layer.weight, first.exp() * 2))
    #expect(names(layer) == ["bias", "parametrizations.weight.original"])
    #expect(message { layer.weight = first }.contains("no right inverse"))
    layer.removeParametrizations("weight", leaveParametrized: false)
    #expect(isClose(layer.weight, first))
    #expect(names(layer) == ["weight", "bias"])
  }

  @Test func removing() throws {
    let layer = weightNorm(try linear(3, 2)), value = layer.weight.detach()
    #expect(message { layer.removeParametrizations("weight", leaveParametrized: false) }.contains("2 tensors"))
    layer.removeParametrizations("weight")
    #expect(names(layer) == ["weight", "bias"] && !layer.isParametrized())
    #expect(isClose(layer.weight, value))
    layer(wave([4, 3], 0.9)).sum().backward()
    #expect(layer.$weight.grad != nil && layer.$weight.requiresGrad)
    #expect(message { layer.removeParametrizations("weight") }.contains("not parametrised"))
  }

  @Test func assigningAndFreezing() throws {
    let layer = weightNorm(try linear(3, 2)), value = wave([2, 3], 1.1) + 2
    layer.weight = value
    #expect(isClose(layer.weight, value))
    layer.$weight.update { $0 = $0 * 2 }
    #expect(isClose(layer.weight, value * 2))
    Init.constant(layer.$weight, 3)
    #expect(isClose(layer.weight, Tensor.full([2, 3], 3, dtype: .float64)))
    layer.requiresGrad(false)
    #expect(!layer.$weight.requiresGrad && !layer.weight.requiresGrad)
    layer.$weight.requiresGrad = true
    #expect(layer.parametrization(of: "weight")!.originals.allSatisfy { $0.requiresGrad })
    let frozen = try linear(3, 2).requiresGrad(false)
    #expect(weightNorm(frozen).parameters().allSatisfy { !$0.requiresGrad })
  }

  @Test func whatElseModulesDo() throws {
    let layer = spectralNorm(Linear(3, 2)).to(.float64)
    #expect(layer.weight.dtype == .float64)
    #expect(layer.modules().allSatisfy { $0.isTraining })
    layer.eval()
    #expect(layer.modules().allSatisfy { !$0.isTraining })
    #expect(spectralNorm(Linear(3, 2).eval()).modules().allSatisfy { !$0.isTraining })
    let state = layer.stateDict(), other = spectralNorm(Linear(3, 2, dtype: .float64)).eval()
    try other.loadStateDict(state)
    #expect(isClose(other.weight, layer.weight))
    let doubled = functionalCall(layer, ["bias": Tensor.zeros([2], dtype: .float64)], wave([1, 3], 0.9))
    #expect(isClose(doubled, wave([1, 3], 0.9).linear(layer.weight, nil)))
  }

  /// A forward pass in a failed scope leaves the singular vectors as they were.
  @Test func aFailedStepChangesNothing() {
    let layer = spectralNorm(Linear(3, 2, dtype: .float64)), before = layer.namedBuffers().map { $0.buffer.value }
    _ = message { _ = layer(layer(wave([4, 3], 0.9))) }
    #expect(zip(layer.namedBuffers(), before).allSatisfy { isClose($0.buffer.value, $1) })
  }

  @Test func misuseIsAnError() throws {
    let layer = try linear(3, 2)
    #expect(message { weightNorm(layer, "wieght") } == "[weightNorm] Linear has no parameter or buffer \"wieght\"; it has: weight, bias")
    #expect(message { spectralNorm(layer, "no") }.hasPrefix("[spectralNorm] Linear has no parameter"))
    #expect(message { weightNorm(spectralNorm(Linear(3, 2))) }.contains("has to come first"))
    #expect(message { orthogonal(Linear(3, 2, bias: false), "bias") }.contains("it has: weight"))
    #expect(message { weightNorm(layer, dim: 2) }.contains("dim 2"))
    #expect(message { spectralNorm(layer, dim: -3) }.contains("dim -3"))
    #expect(message { spectralNorm(layer, powerIterations: 0) }.contains("0 power iterations"))
    #expect(message { orthogonal(layer, "bias") }.contains("must be a matrix"))
    #expect(message { layer.registerParametrization("weight") { $0.sum(0) } }.contains("must stay so"))
    #expect(message { layer.registerParametrization("weight") { $0.to(.float32) } }.contains("must stay so"))
    #expect(message { weightNorm(LazyLinear(2)) }.contains("before its first call"))
    weightNorm(layer)
    #expect(message { layer.$weight.grad = Tensor.zeros([2, 3], dtype: .float64) }.contains("keeps no gradient"))
    #expect(message { layer.weight = Tensor.zeros([3, 3], dtype: .float64) }.contains("[2, 3]"))
    // Nothing of what was refused is there.
    #expect(names(layer) == ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"])
  }
}
