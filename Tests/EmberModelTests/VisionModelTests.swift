import EmberNN
import EmberRuntime
import EmberTensor
import EmberVision
import Testing

/// Numbers of parameters as torchvision documents them for the same networks.
@Suite struct VisionModelTests {
  @Test func parametersAreAsManyAsPublished() {
    func count(_ model: Module) -> Int { model.parameters().reduce(0) { $0 + $1.value.elementCount } }
    #expect(count(ResNet.resNet18()) == 11_689_512)
    #expect(count(ResNet.resNet34()) == 21_797_672)
    #expect(count(ResNet.resNet50()) == 25_557_032)
    #expect(count(ResNet(.bottleneck, depths: [3, 4, 6, 3], groups: 32, widthPerGroup: 4)) == 25_028_904)
    #expect(count(MobileNetV2()) == 3_504_872)
    let variants: [EfficientNetLite.Configuration] = [.lite0, .lite1, .lite2, .lite3, .lite4]
    #expect(variants.map { count(EfficientNetLite($0, on: .meta)) } == [4_652_008, 5_416_680, 6_092_072, 8_197_096, 13_006_568])
    let transformers: [VisionTransformer.Configuration] = [.tiny, .small, .base, .large]
    #expect(transformers.map { count(VisionTransformer($0, on: .meta)) } == [5_717_416, 22_050_664, 86_567_656, 304_326_632])
  }

  @Test func blocksAreLeftOutInTrainingOnly() {
    var configuration = EfficientNetLite.Configuration()
    configuration.stages = [.init(count: 4, kernelSize: 3, stride: 1, expansion: 1, channels: 32)]
    (configuration.dropout, configuration.stochasticDepth, configuration.headChannels) = (0, 0.9, 8)
    withRandomSeed(0) {
      let network = EfficientNetLite(configuration, classes: 2)
      // Normalisation by what was seen so far makes members of the batch independent of each other.
      for module in network.modules() where module is BatchNorm2d { _ = module.eval() }
      let x = Tensor.randn([1, 3, 8, 8]).expand([16, 3, 8, 8])
      let whole = noGrad { network.eval()(x) }
      #expect((whole - whole.narrow(0, start: 0, length: 1)).abs().amax().item(as: Float.self) < 1e-5)
      network.train()
      for module in network.modules() where module is BatchNorm2d { _ = module.eval() }
      let outputs = Set(noGrad { network(x) }.select(1, 0).elements(as: Float.self).map { ($0 * 1e4).rounded() })
      // Three blocks (the first is always kept) are each there or not.
      #expect((2...8).contains(outputs.count))
    }
  }

  @Test func namesAreTorchvisions() {
    let names = Set(ResNet.resNet18().stateDict().map(\.name))
    #expect(names.count == 122)
    #expect(names.isSuperset(of: ["conv1.weight", "bn1.running_var", "layer2.0.downsample.0.weight", "layer4.1.bn2.num_batches_tracked", "fc.bias"]))
    let mobile = Set(MobileNetV2().stateDict().map(\.name))
    #expect(mobile.count == 314)
    #expect(mobile.isSuperset(of: ["features.0.0.weight", "features.1.conv.0.0.weight", "features.2.conv.1.1.running_mean", "features.18.1.bias", "classifier.1.weight"]))
  }

  @Test func shapesFitSmallAndLargePictures() throws {
    let small = ResNet(.basic, depths: [1, 1, 1, 1], classes: 7, channels: 1, width: 8, stem: .small).eval()
    let mobile = MobileNetV2(classes: 7, widthMultiplier: 0.25, stem: .small).eval()
    try catchingErrors {
      noGrad {
        #expect(small(Tensor.zeros([2, 1, 28, 28])).shape == [2, 7])
        #expect(mobile(Tensor.zeros([2, 3, 32, 32])).shape == [2, 7])
        #expect(MobileNetV2(classes: 7, widthMultiplier: 0.25).eval()(Tensor.zeros([1, 3, 64, 64])).shape == [1, 7])
      }
    }
  }

  @Test func sizesThatDoNotFitAreErrors() {
    let wrong: [(change: (inout VisionTransformer.Configuration) -> Void, words: String)] = [
      ({ $0.depth = -1 }, "a depth of -1"), ({ $0.heads = 5 }, "a width of 192"), ({ $0.width = -192 }, "a width of -192"),
      ({ $0.patchSize = 0 }, "patches of 0"), ({ $0.imageSize = -224 }, "pictures of -224"),
      ({ ($0.imageSize, $0.patchSize) = (1 << 40, 1) }, "pictures of 1099511627776"),
    ]
    for (change, words) in wrong {
      var configuration = VisionTransformer.Configuration.tiny
      change(&configuration)
      let error = #expect(throws: EmberError.self) { try catchingErrors { _ = VisionTransformer(configuration) } }
      #expect(error?.message.contains(words) == true, "\(words)")
    }
  }

  @Test func aBlockWithZeroInitialisationBeginsAsTheIdentity() {
    withRandomSeed(0) {
      let model = ResNet(.basic, depths: [2, 1, 1, 1], classes: 3, width: 8, stem: .small, zeroInitResidual: true)
      let weights = model.namedParameters().filter { $0.name.hasSuffix("bn2.weight") }
      #expect(weights.count == 5)
      for weight in weights { #expect(weight.parameter.value.abs().sum().item() == 0) }
    }
  }
}
