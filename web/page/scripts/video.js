// A camera's picture in a video element: how it is opened, ended, and a photo is taken of it.

// Asks for a camera; the visitor may be asked for permission.
//   wish: what the camera should be like, as `getUserMedia` takes it for `video`.
export const camera = (wish) => navigator.mediaDevices.getUserMedia({ video: wish });

export const end = (stream) => {
  for (const track of stream?.getTracks() ?? []) track.stop();
};

// The present picture of a video as a JPEG file, whose shorter side has at most so many pixels.
export const jpeg = (video, shorter = Infinity, quality = 0.95) => {
  const { videoWidth: width, videoHeight: height } = video;
  const scale = Math.min(1, shorter / Math.min(width, height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", quality); });
};

export const photo = async (video) => new File([await jpeg(video)], "photo.jpg", { type: "image/jpeg" });
