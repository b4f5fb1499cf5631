public import EmberFormats
import EmberRuntime
public import EmberTensor

extension Sound {
  /// The mean of all channels at another rate: [samples], float32.
  public func mixed(at rate: Int) throws -> Tensor {
    let mono = Sound(sampleRate: sampleRate, samples: try catchingErrors { self.mono.unsqueeze(0) })
    return try mono.resampled(to: rate).samples.squeeze(0)
  }
}
