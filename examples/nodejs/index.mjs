export const handler = async (event, context) => {
  const area = event.length * event.width;
  console.log(`The area is ${area}`);
  console.log("CloudWatch log group:", context.logGroupName);
  return JSON.stringify({ area });
};
