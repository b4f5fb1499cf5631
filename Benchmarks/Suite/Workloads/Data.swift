import Ember

let data: [Workload] = [
  Workload(name: "loader", title: "DataLoader, 28×28 with augmentation, 2 workers, an epoch of 10,000", target: 0.5) {
    manualSeed(0)
    let images = Tensor.randint(0, 256, [10_000, 28, 28]).to(.uint8)
    let dataset = AugmentedPictures(images: images)
    let loader = DataLoader(dataset, batchSize: 64, workers: 2)
    func epoch() throws -> Int {
      var count = 0
      for batch in loader { count += batch.shape[0] }
      return count
    }
    return Prepared([Double(try epoch())]) { _ = try epoch() }
  }
]

/// Pictures moved by up to two pixels and mirrored half of the time, from -1 to 1.
private struct AugmentedPictures: Dataset {
  let images: Tensor
  var count: Int { images.shape[0] }

  func element(at index: Int) throws -> Tensor {
    let padded = images[index].to(.float32).pad([2, 2, 2, 2])
    var picture = padded.narrow(0, start: Int.random(in: 0...4), length: 28).narrow(1, start: Int.random(in: 0...4), length: 28)
    if Bool.random() { picture = picture.flip(1) }
    return (picture * (2 / 255.0) - 1).unsqueeze(0)
  }
}
