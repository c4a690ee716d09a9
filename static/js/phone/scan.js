/* The camera as a scanner, where the browser reads QR codes (BarcodeDetector); elsewhere the number is typed. */
const LOOK_EVERY_MS = 200;

export const canScan = async () => {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return false;
  try {
    return (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
  } catch {
    return false;
  }
};

/* Shows the camera in a video element and calls onFound once, with the first that read makes of a code's text (null: look
   on); returns what stops it.
   Throws what getUserMedia throws: NotAllowedError where the customer says no, NotFoundError without a camera. */
export const scanInto = async (video, read, onFound) => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  video.srcObject = stream;
  await video.play();
  let timer;
  const stop = () => {
    clearTimeout(timer);
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  };
  const look = async () => {
    if (!video.srcObject) return;
    const codes = await detector.detect(video).catch(() => []);
    const found = codes.map((code) => read(code.rawValue)).find((each) => each !== null);
    if (found !== undefined) {
      stop();
      onFound(found);
      return;
    }
    timer = setTimeout(look, LOOK_EVERY_MS);
  };
  look();
  return stop;
};
