import Ember

manualSeed(0)
let model = Sequential { Linear(2, 16); Tanh(); Linear(16, 2) }
let optimizer = Adam(model.parameters(), learningRate: 0.01)

// Two interleaved rings: which one does a point belong to?
let angle = Tensor.rand([512]) * 6.2832
let ring = Tensor.randint(0, 2, [512])
let radius = ring.to(.float32) + 1 + Tensor.randn([512]) * 0.1
let points = stack([radius * angle.cos(), radius * angle.sin()], dim: 1)

for step in 1...200 {
  optimizer.zeroGrad()
  let loss = model(points).crossEntropy(ring)
  loss.backward()
  optimizer.step()
  if step % 50 == 0 { print("step \(step): loss \(loss.item())") }
}
let accuracy = (model(points).argmax(1) .== ring).to(.float32).mean()
print("accuracy \(accuracy.item())")
