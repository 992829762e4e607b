/** QR codes: read from pictures and from the camera. */

import { decodeQRBatch } from "qr/decode.js";

const LARGEST_SIDE = 2400;
const EACH_MILLISECONDS = 120;
// Retries for soiled paper and bad light: a photo is read once, the camera again and again.
const PHOTO = { effort: 8, timeLimit: 2000 };
const FRAME = { effort: 3, timeLimit: 80 };

/** @param {CanvasImageSource} picture @param {number} width @param {number} height */
function pixelsOf(picture, width, height) {
  const scale = Math.min(1, LARGEST_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return null;
  context.fillStyle = "#fff"; // under pictures with transparent ground
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** @param {ImageData} image @param {{ effort: number, timeLimit: number }} patience */
async function textsIn(image, patience) {
  const [found] = await decodeQRBatch([image], patience);
  return found.filter((each) => typeof each === "string");
}

/**
 * Return the texts of all codes in a picture file; throws what `createImageBitmap` does for others.
 * @param {Blob} file
 */
export async function codesInPicture(file) {
  const picture = await createImageBitmap(file);
  try {
    const image = pixelsOf(picture, picture.width, picture.height);
    return image ? await textsIn(image, PHOTO) : [];
  } finally {
    picture.close();
  }
}

/**
 * Show what the camera sees and hand over the texts of codes, until `stop` is signalled or `take`
 * says that it has what it wants. Throws what `getUserMedia` does.
 * @param {HTMLVideoElement} video @param {AbortSignal} stop
 * @param {(texts: string[]) => Promise<boolean>} take
 */
export async function watchCamera(video, stop, take) {
  const wish = { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } };
  const stream = await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
  try {
    video.srcObject = stream;
    await video.play();
    while (!stop.aborted) {
      const { videoWidth: width, videoHeight: height } = video;
      const image = width && height ? pixelsOf(video, width, height) : null;
      const texts = image ? await textsIn(image, FRAME) : [];
      if (stop.aborted || (texts.length && (await take(texts)))) return;
      await new Promise((resolve) => setTimeout(resolve, EACH_MILLISECONDS));
    }
  } catch (error) {
    if (!stop.aborted) throw error; // a film that is stopped while it starts is no failure
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}
