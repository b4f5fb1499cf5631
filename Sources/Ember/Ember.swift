@_exported import EmberData
@_exported import EmberFormats
@_exported import EmberNN
@_exported import EmberOptim
@_exported import EmberRuntime
@_exported import EmberTensor
@_exported import EmberTraining
@_exported import EmberVision
